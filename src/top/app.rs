//! What is shown, and what keys do to it.

use super::events::{Event, Events};
use super::feed::{Figures, News};
use super::filter::{self, Filter};
use super::history::{History, Series};
use super::model::{Session, Status};
use super::sort::Column;
use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use ratatui::widgets::TableState;
use std::collections::VecDeque;
use std::sync::Arc;

/// Notices that are kept.
const NOTICES: usize = 100;

/// One of the pages.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum View {
    /// All sessions.
    #[default]
    Sessions,
    /// Events as they come.
    Events,
    /// How long messages took.
    Latency,
    /// What went missing.
    Losses,
}

impl View {
    /// All, in the order of their keys.
    pub const ALL: [Self; 4] = [Self::Sessions, Self::Events, Self::Latency, Self::Losses];

    /// On its tab.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Sessions => "Sessions",
            Self::Events => "Events",
            Self::Latency => "Latency",
            Self::Losses => "Losses",
        }
    }
}

/// What lies over the page.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Over {
    /// Nothing.
    #[default]
    Nothing,
    /// The keys.
    Help,
    /// The columns to sort by, and the place in that list.
    Sort(usize),
    /// A line that is being typed.
    Input(Asked, String),
}

/// What a typed line is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asked {
    /// The next line that has it is gone to.
    Search,
    /// Only what has it is shown.
    Filter,
}

/// What the screen has to do next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// Go on.
    Go,
    /// Give the terminal back until the shell says otherwise.
    Suspend,
    /// End.
    Quit,
}

/// A session's page.
#[derive(Clone, Debug, Default)]
pub struct Detail {
    /// The session.
    pub session: String,
    /// The message that is shown whole, counted from the newest.
    pub message: usize,
    /// Lines of it that are scrolled away.
    pub scroll: u16,
}

/// All that is shown.
#[derive(Default)]
pub struct App {
    /// Who is asked.
    pub source: String,
    /// The page.
    pub view: View,
    /// A session's page, if one is open.
    pub detail: Option<Detail>,
    /// What lies over it.
    pub over: Over,
    /// How the instance does.
    pub status: Status,
    /// All sessions, sorted, those that the filter takes out left out.
    pub shown: Vec<Session>,
    sessions: Vec<Session>,
    /// The place in them.
    pub table: TableState,
    chosen: String,
    /// What sessions are sorted by.
    pub sort: Column,
    /// The other way round.
    pub reversed: bool,
    /// Words that a session must contain.
    pub session_filter: String,
    /// What events must be.
    pub filter: Filter,
    /// As it was typed.
    pub filter_text: String,
    /// What is wrong with what was typed.
    pub wrong: Option<String>,
    /// The last events.
    pub events: Events,
    /// The newest that are shown when the page stands still.
    pub held: Option<Vec<Arc<Event>>>,
    /// Lines of the page of events or of losses that are scrolled away, from its end or its begin.
    pub scroll: usize,
    /// Messages of sessions.
    pub messages: History<String>,
    /// NLRI of each side.
    pub prefixes: History<(String, usize)>,
    /// All messages, all NLRI, all frames, all bytes that are lost.
    pub totals: [Series; 3],
    /// Why there are no figures at the moment.
    pub trouble: Option<String>,
    /// Figures have come.
    pub alive: bool,
    /// Times that events were missed.
    pub missed: u64,
    /// What the program had to say meanwhile.
    pub notices: VecDeque<String>,
    last_search: String,
}

impl App {
    /// A screen about `source`, without figures so far.
    #[must_use]
    pub fn new(source: String) -> Self {
        Self {
            source,
            ..Self::default()
        }
    }

    /// Takes news.
    pub fn take(&mut self, news: News) {
        match news {
            News::Figures(figures) => self.take_figures(*figures),
            News::Events(lines) => self.events.take(&lines),
            News::Trouble(trouble) => self.trouble = Some(trouble.to_string()),
            News::Missed => self.missed += 1,
        }
    }

    /// Takes something that the program had to say.
    pub fn notice(&mut self, notice: String) {
        self.notices.push_back(notice);
        if self.notices.len() > NOTICES {
            self.notices.pop_front();
        }
    }

    fn take_figures(&mut self, figures: Figures) {
        let Figures {
            status,
            sessions,
            at,
        } = figures;
        let (mut messages, mut prefixes) = (0, 0);
        self.messages.take(
            at,
            sessions.iter().map(|session| {
                let sides = session.directions.iter();
                let sum: u64 = sides.map(|side| side.messages).sum();
                messages += sum;
                (session.session.clone(), sum)
            }),
        );
        self.prefixes.take(
            at,
            sessions.iter().flat_map(|session| {
                let sides = session.directions.iter().enumerate();
                sides.map(|(number, side)| {
                    let told = side.counts.announced + side.counts.withdrawn;
                    ((session.session.clone(), number), told)
                })
            }),
        );
        for session in &sessions {
            let sides = session.directions.iter();
            prefixes += sides
                .map(|side| side.counts.announced + side.counts.withdrawn)
                .sum::<u64>();
        }
        let interfaces = status.frames.values();
        let frames = interfaces.filter_map(|outcomes| outcomes.get("seen")).sum();
        for (series, figure) in self.totals.iter_mut().zip([messages, prefixes, frames]) {
            series.take(at, figure);
        }
        (self.status, self.sessions) = (status, sessions);
        (self.alive, self.trouble) = (true, None);
        self.arrange();
    }

    /// Sessions as they are to be shown; the chosen one stays chosen wherever it goes.
    fn arrange(&mut self) {
        let filter = self.session_filter.to_lowercase();
        let words: Vec<_> = filter.split_whitespace().collect();
        let passes = |session: &&Session| {
            let text = super::sort::words(session);
            words.iter().all(|word| text.contains(word))
        };
        let mut shown: Vec<_> = self.sessions.iter().filter(passes).cloned().collect();
        self.sort.sort(&mut shown, &self.messages);
        if self.reversed {
            shown.reverse();
        }
        self.shown = shown;
        let place = self.shown.iter().position(|s| s.session == self.chosen);
        let last = self.shown.len().checked_sub(1);
        let place = place.or(last.map(|last| self.table.selected().unwrap_or(0).min(last)));
        self.choose(place);
    }

    fn choose(&mut self, place: Option<usize>) {
        self.table.select(place);
        let chosen = place.and_then(|place| self.shown.get(place));
        if let Some(session) = chosen {
            self.chosen.clone_from(&session.session);
        }
    }

    /// A session, shown or not.
    #[must_use]
    pub fn session(&self, id: &str) -> Option<&Session> {
        self.sessions.iter().find(|session| session.session == id)
    }

    /// How many sessions there are, and how many of them are established.
    #[must_use]
    pub fn session_counts(&self) -> (usize, usize) {
        let up = self.sessions.iter().filter(|session| session.is_up());
        (self.sessions.len(), up.count())
    }

    /// All sessions, as they came.
    #[must_use]
    pub fn all(&self) -> &[Session] {
        &self.sessions
    }

    /// The events that are shown, newest first.
    pub fn tail(&self) -> Box<dyn Iterator<Item = &Arc<Event>> + '_> {
        match &self.held {
            Some(held) => Box::new(held.iter()),
            None => Box::new(
                self.events
                    .tail
                    .iter()
                    .rev()
                    .filter(|e| self.filter.passes(e)),
            ),
        }
    }

    /// What a key does.
    pub fn key(&mut self, key: KeyEvent) -> Next {
        if key.modifiers.contains(KeyModifiers::CONTROL) {
            return match key.code {
                KeyCode::Char('c') => Next::Quit,
                KeyCode::Char('z') => Next::Suspend,
                _ => Next::Go,
            };
        }
        match std::mem::take(&mut self.over) {
            Over::Nothing => return self.command(key.code),
            // Any key ends it.
            Over::Help => {}
            Over::Sort(place) => self.sort_key(key.code, place),
            Over::Input(asked, text) => self.input_key(key.code, asked, text),
        }
        Next::Go
    }

    fn command(&mut self, code: KeyCode) -> Next {
        match code {
            KeyCode::Char('q') | KeyCode::F(10) => return Next::Quit,
            KeyCode::Esc if self.detail.take().is_none() => {
                self.held = None;
                self.wrong = None;
            }
            KeyCode::F(1) | KeyCode::Char('?' | 'h') => self.over = Over::Help,
            KeyCode::F(3) | KeyCode::Char('/') => {
                self.over = Over::Input(Asked::Search, String::new());
            }
            KeyCode::F(4) | KeyCode::Char('\\') => {
                let text = match self.view {
                    View::Events => self.filter_text.clone(),
                    _ => self.session_filter.clone(),
                };
                self.over = Over::Input(Asked::Filter, text);
            }
            KeyCode::F(6) | KeyCode::Char('>' | '.') => self.over = Over::Sort(self.sort.place()),
            KeyCode::Char('I') => self.sort_by(self.sort, !self.reversed),
            KeyCode::Char('n') => self.search(1),
            KeyCode::Tab | KeyCode::F(2) => self.turn(1),
            KeyCode::BackTab => self.turn(View::ALL.len() - 1),
            KeyCode::Char(digit @ '1'..='4') => self.go(View::ALL[digit as usize - '1' as usize]),
            KeyCode::Enter if self.detail.is_none() && self.view == View::Sessions => self.open(),
            KeyCode::Char(' ' | 'Z') => self.hold(),
            KeyCode::Char(letter) if Column::of_key(letter).is_some() => {
                let column = Column::of_key(letter).unwrap_or_default();
                self.sort_by(column, false);
            }
            code => self.walk(code),
        }
        Next::Go
    }

    fn go(&mut self, view: View) {
        self.view = view;
        (self.detail, self.held, self.scroll) = (None, None, 0);
    }

    fn turn(&mut self, by: usize) {
        let place = View::ALL.iter().position(|view| *view == self.view);
        let place = (place.unwrap_or(0) + by) % View::ALL.len();
        self.go(View::ALL[place]);
    }

    fn sort_by(&mut self, column: Column, reversed: bool) {
        (self.sort, self.reversed) = (column, reversed);
        self.arrange();
    }

    fn open(&mut self) {
        if let Some(session) = self.table.selected().and_then(|at| self.shown.get(at)) {
            self.detail = Some(Detail {
                session: session.session.clone(),
                ..Detail::default()
            });
        }
    }

    /// Has the page of events stand still, or go on.
    fn hold(&mut self) {
        if self.view == View::Events {
            self.held = match self.held.take() {
                Some(_) => None,
                None => Some(self.tail().cloned().collect()),
            };
            self.scroll = 0;
        }
    }

    /// Moves by a key of the arrows.
    fn walk(&mut self, code: KeyCode) {
        let by: isize = match code {
            KeyCode::Up | KeyCode::Char('k') => -1,
            KeyCode::Down | KeyCode::Char('j') => 1,
            KeyCode::PageUp => -10,
            KeyCode::PageDown => 10,
            KeyCode::Home => isize::MIN,
            KeyCode::End => isize::MAX,
            _ => return,
        };
        if let Some(detail) = &mut self.detail {
            let messages = self.events.of(&detail.session).map_or(0, |ring| ring.len());
            match code {
                KeyCode::PageUp | KeyCode::PageDown => {
                    let by = i16::try_from(by).unwrap_or(0);
                    detail.scroll = detail.scroll.saturating_add_signed(by);
                }
                _ => {
                    detail.message = step(detail.message, by, messages);
                    detail.scroll = 0;
                }
            }
        } else if self.view == View::Sessions {
            let place = step(self.table.selected().unwrap_or(0), by, self.shown.len());
            self.choose((!self.shown.is_empty()).then_some(place));
        } else {
            let most = match self.view {
                View::Events => self.tail().count(),
                _ => usize::from(u16::MAX),
            };
            self.scroll = step(self.scroll, by, most);
        }
    }

    fn sort_key(&mut self, code: KeyCode, place: usize) {
        let last = Column::ALL.len() - 1;
        match code {
            KeyCode::Up => self.over = Over::Sort(place.saturating_sub(1)),
            KeyCode::Down => self.over = Over::Sort((place + 1).min(last)),
            KeyCode::Enter => self.sort_by(Column::ALL[place.min(last)], false),
            KeyCode::Esc | KeyCode::Char('q') => {}
            _ => self.over = Over::Sort(place),
        }
    }

    fn input_key(&mut self, code: KeyCode, asked: Asked, mut text: String) {
        match code {
            KeyCode::Esc => {
                if asked == Asked::Filter {
                    self.set_filter("");
                }
                return;
            }
            KeyCode::Enter => {
                match asked {
                    Asked::Filter => self.set_filter(&text),
                    Asked::Search => {
                        self.last_search = text;
                        self.search(0);
                    }
                }
                return;
            }
            KeyCode::Backspace => {
                text.pop();
            }
            KeyCode::Char(letter) => text.push(letter),
            _ => {}
        }
        // Sessions follow while one types, as in htop.
        if asked == Asked::Filter && self.view != View::Events {
            self.set_filter(&text);
        }
        self.over = Over::Input(asked, text);
    }

    fn set_filter(&mut self, text: &str) {
        if self.view != View::Events {
            text.clone_into(&mut self.session_filter);
            self.arrange();
            return;
        }
        match filter::compile(text) {
            Ok(compiled) => {
                (self.filter, self.wrong) = (compiled, None);
                text.clone_into(&mut self.filter_text);
                (self.held, self.scroll) = (None, 0);
            }
            Err(wrong) => self.wrong = Some(wrong),
        }
    }

    /// Goes to the next session or event that has what was searched for, `skip` of them passed over.
    fn search(&mut self, skip: usize) {
        let wanted = self.last_search.to_lowercase();
        if wanted.is_empty() {
            return;
        }
        if self.view == View::Events {
            let from = self.scroll + skip;
            let has = |event: &Event| event.line.to_lowercase().contains(&wanted);
            let found = self.tail().skip(from).position(|event| has(event));
            self.scroll = found.map_or(self.scroll, |place| from + place);
            return;
        }
        let (count, from) = (self.shown.len(), self.table.selected().unwrap_or(0) + skip);
        let mut places = (0..count).map(|step| (from + step) % count);
        let found = places.find(|place| super::sort::words(&self.shown[*place]).contains(&wanted));
        if found.is_some() {
            self.choose(found);
        }
    }
}

/// A place moved by so much within a list.
fn step(place: usize, by: isize, length: usize) -> usize {
    let last = length.saturating_sub(1);
    place.saturating_add_signed(by).min(last)
}
