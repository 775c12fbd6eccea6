//! Reads expressions.

use super::error::{FilterError, Mistake};
use super::expr::{End, EventType, Expr, Field, SessionId, Test, Trait, Whose};
use super::network::{PrefixPattern, Relation};
use super::path::PathPattern;
use super::token::{Kind, Lexer, Token};
use std::ops::Range;
use std::str::FromStr;

/// Octets of an expression: it may come over HTTP.
const LENGTH_MAX: usize = 64 << 10;
/// Brackets and `not`s inside one another.
const DEPTH_MAX: usize = 64;

pub(super) fn parse(text: &str) -> Result<Expr, FilterError> {
    if text.len() > LENGTH_MAX {
        let mistake = Mistake::new(format!("an expression has at most {LENGTH_MAX} octets"));
        return Err(FilterError::new("", 0..0, mistake));
    }
    let mut lexer = Lexer::new(text);
    let token = lexer.next()?;
    let mut parser = Parser {
        text,
        lexer,
        token,
        depth: 0,
    };
    let expr = parser.or()?;
    match parser.token.kind {
        Kind::End => Ok(expr),
        Kind::Close => parser.fail(Mistake::new("a bracket that was not opened")),
        _ => {
            let mistake = Mistake::new("`and` or `or` is missing here");
            parser.fail(mistake.hint("values of one test are separated by commas"))
        }
    }
}

/// One function for each rule, with one token read ahead.
struct Parser<'t> {
    text: &'t str,
    lexer: Lexer<'t>,
    token: Token<'t>,
    depth: usize,
}

impl<'t> Parser<'t> {
    fn fail<T>(&self, mistake: Mistake) -> Result<T, FilterError> {
        Err(self.error(self.token.span.clone(), mistake))
    }

    fn error(&self, span: Range<usize>, mistake: Mistake) -> FilterError {
        FilterError::new(self.text, span, mistake)
    }

    fn advance(&mut self) -> Result<Token<'t>, FilterError> {
        let next = self.lexer.next()?;
        Ok(std::mem::replace(&mut self.token, next))
    }

    fn takes(&mut self, kind: Kind<'_>) -> Result<bool, FilterError> {
        let found = self.token.kind == kind;
        if found {
            self.advance()?;
        }
        Ok(found)
    }

    fn or(&mut self) -> Result<Expr, FilterError> {
        let mut parts = vec![self.and()?];
        while self.takes(Kind::Or)? {
            parts.push(self.and()?);
        }
        Ok(single(parts).unwrap_or_else(Expr::Or))
    }

    fn and(&mut self) -> Result<Expr, FilterError> {
        let mut parts = vec![self.unary()?];
        while self.takes(Kind::And)? {
            parts.push(self.unary()?);
        }
        Ok(single(parts).unwrap_or_else(Expr::And))
    }

    fn unary(&mut self) -> Result<Expr, FilterError> {
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return self.fail(Mistake::new("too deep inside brackets"));
        }
        let expr = if self.takes(Kind::Not)? {
            Expr::Not(Box::new(self.unary()?))
        } else if self.token.kind == Kind::Open {
            self.bracketed()?
        } else {
            Expr::Test(self.test()?)
        };
        self.depth -= 1;
        Ok(expr)
    }

    fn bracketed(&mut self) -> Result<Expr, FilterError> {
        let open = self.advance()?;
        let expr = self.or()?;
        if self.takes(Kind::Close)? {
            return Ok(expr);
        }
        if self.token.kind == Kind::End {
            let mistake = Mistake::new("a bracket that is not closed");
            return Err(self.error(open.span, mistake));
        }
        let mistake = Mistake::new("`and`, `or` or a closing bracket is missing here");
        self.fail(mistake.hint("values of one test are separated by commas"))
    }

    fn test(&mut self) -> Result<Test, FilterError> {
        let Kind::Word(name) = self.token.kind else {
            return self.fail(Mistake::new("the name of a test is missing here").hint(names()));
        };
        if let Some(quality) = Trait::named(name) {
            self.advance()?;
            return Ok(Test::Is(quality));
        }
        if let Some(end) = End::named(name) {
            return Ok(Test::Address(end, self.values()?));
        }
        if let Some(whose) = Whose::named(name) {
            return Ok(Test::Asn(whose, self.values()?));
        }
        match Field::named(name) {
            Some(Field::Type) => Ok(Test::Type(self.values()?)),
            Some(Field::Session) => Ok(Test::Session(self.values()?)),
            Some(Field::Family) => Ok(Test::Family(self.values()?)),
            Some(Field::Prefix) => self.prefix(),
            Some(Field::NextHop) => Ok(Test::NextHop(self.values()?)),
            Some(Field::Path) => Ok(Test::Path(self.values_by(PathPattern::new)?)),
            Some(Field::Community) => Ok(Test::Community(self.values()?)),
            None => {
                let known = Field::names().chain(End::names());
                let known = known.chain(Whose::names()).chain(Trait::names());
                self.fail(Mistake::unknown("test", name, known))
            }
        }
    }

    fn prefix(&mut self) -> Result<Test, FilterError> {
        let name = self.advance()?;
        let relation = match self.token.kind {
            Kind::Word(word) => Relation::NAMES
                .iter()
                .find(|(name, _)| name.eq_ignore_ascii_case(word))
                .map(|(_, relation)| *relation),
            _ => None,
        };
        if relation.is_none() {
            return Ok(Test::Prefix(
                self.values_after(&name, |text| PrefixPattern::parse(text, None))?,
            ));
        }
        Ok(Test::Prefix(
            self.values_by(|text| PrefixPattern::parse(text, relation))?,
        ))
    }

    fn values<T: FromStr<Err = Mistake>>(&mut self) -> Result<Vec<T>, FilterError> {
        self.values_by(T::from_str)
    }

    /// Passes over a name; takes the values behind it.
    fn values_by<T>(
        &mut self,
        read: impl FnMut(&str) -> Result<T, Mistake>,
    ) -> Result<Vec<T>, FilterError> {
        let name = self.advance()?;
        self.values_after(&name, read)
    }

    fn values_after<T>(
        &mut self,
        name: &Token<'t>,
        mut read: impl FnMut(&str) -> Result<T, Mistake>,
    ) -> Result<Vec<T>, FilterError> {
        let mut values = Vec::new();
        loop {
            let (Kind::Word(text) | Kind::Quoted(text)) = self.token.kind else {
                let name = self.text.get(name.span.clone()).unwrap_or_default();
                return self.fail(Mistake::new(format!("a value of `{name}` is missing here")));
            };
            if matches!(text, "=" | "==" | "~" | "!=") && values.is_empty() {
                let mistake = Mistake::new("a value follows its name without a sign");
                return self.fail(mistake.hint("`peer 192.0.2.1`, `not peer 192.0.2.1`"));
            }
            let span = self.token.span.clone();
            let quote = usize::from(matches!(self.token.kind, Kind::Quoted(_)));
            let value = read(text).map_err(|mistake| {
                let place = mistake.place_from(span.start + quote);
                self.error(place.unwrap_or(span), mistake)
            });
            values.push(value?);
            self.advance()?;
            if !self.takes(Kind::Comma)? {
                return Ok(values);
            }
        }
    }
}

/// The one expression, if there are no more.
fn single(mut parts: Vec<Expr>) -> Result<Expr, Vec<Expr>> {
    match parts.pop() {
        Some(only) if parts.is_empty() => Ok(only),
        Some(last) => {
            parts.push(last);
            Err(parts)
        }
        None => Err(parts),
    }
}

fn names() -> String {
    let names = Field::names().chain(End::names());
    let names: Vec<_> = names.chain(Whose::names()).chain(Trait::names()).collect();
    format!("there are {}", names.join(", "))
}

impl FromStr for EventType {
    type Err = Mistake;

    fn from_str(name: &str) -> Result<Self, Mistake> {
        Self::named(name).ok_or_else(|| Mistake::unknown("type", name, Self::names()))
    }
}

impl FromStr for SessionId {
    type Err = Mistake;

    fn from_str(text: &str) -> Result<Self, Mistake> {
        let digits = text.len() == 16 && text.bytes().all(|b| b.is_ascii_hexdigit());
        let id = u64::from_str_radix(text, 16).ok().filter(|_| digits);
        id.map(Self).ok_or_else(|| {
            Mistake::new("a session is sixteen hexadecimal digits").hint("as events have it")
        })
    }
}
