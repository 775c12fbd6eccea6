use super::*;
use clap::Arg;
use keys::{Takes, keys};

struct Written(PathBuf);

impl Written {
    fn new(text: &str) -> Self {
        use std::sync::atomic::{AtomicU32, Ordering};
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("bgptap-config-{}-{count}.toml", std::process::id());
        let path = std::env::temp_dir().join(name);
        std::fs::write(&path, text).expect("a folder for temporary files");
        Self(path)
    }
}

impl Drop for Written {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

fn parse(args: &str) -> Result<String, Refused> {
    let cli = CommandLine::new(args.split_whitespace()).parse()?;
    // Which file it came from is no part of what it means.
    let text = format!("{cli:?}");
    let (before, rest) = text.split_once("config: ").expect("a field of this name");
    let (_, after) = rest.split_once(", ").expect("it is not the last one");
    Ok(format!("{before}{after}"))
}

fn with(config: &str, args: &str) -> Result<String, Refused> {
    let file = Written::new(config);
    parse(&format!("{args} --config {}", file.0.display()))
}

/// A value that the flag takes, as TOML and as flags.
fn sample(long: &str, arg: &Arg) -> (String, String) {
    let possible = arg.get_possible_values();
    let name = arg.get_value_names().and_then(|names| names.first());
    let value = match (possible.last(), name.map(|name| name.as_str())) {
        _ if Takes::of(arg) == Takes::Nothing => return ("true".into(), format!("--{long}")),
        (Some(value), _) => value.get_name(),
        (None, Some("FILE" | "DIR" | "NAME" | "IFACE")) => "x",
        (None, Some("ADDR")) => "127.0.0.1:7",
        (None, Some("ADDR,…")) => "192.0.2.1,2001:db8::1",
        (None, Some("BROKERS" | "HOST:PORT")) => "localhost:7",
        (None, Some("TEMPLATE")) => "bgp.{router}",
        (None, Some("TIME")) => "15m",
        (None, Some("SIZE")) => "100M",
        (None, Some("EXPR")) => "eor",
        (None, Some("ADDR=NAME")) => "192.0.2.1=rtr1",
        (None, Some("TYPE,…")) => "open",
        (None, Some("RELEASE")) => "5.15",
        (None, Some("N" | "MIB" | "SECONDS")) => "77",
        (None, other) => panic!("--{long}: a value for {other:?} has to be named here"),
    };
    let flags = format!("--{long}={value}");
    match (Takes::of(arg), value.split_once('=')) {
        (Takes::Map, Some((key, value))) => (format!("{{\"{key}\" = \"{value}\"}}"), flags),
        (Takes::List, _) => (format!("[\"{value}\"]"), flags),
        _ if value.parse::<u16>().is_ok() => (value.to_owned(), flags),
        _ => (format!("\"{value}\""), flags),
    }
}

/// What a subcommand cannot do without, unless it is the flag in question.
fn needed(name: &str, long: &str) -> String {
    let source = match name {
        "live" if long == "interface" => "",
        "live" => "-i a",
        _ => "file",
    };
    let more = match long {
        "tap-mode" => "--tap",
        "json-format" | "json-filter" | "json-rotate" | "json-rotate-size" => "--json y",
        "mrt-filter" | "mrt-rotate" | "mrt-rotate-size" => "--mrt y",
        "mrt-rib-filter" | "mrt-rib-interval" => "--mrt-rib y",
        "bmp-filter" | "bmp-queue" | "bmp-statistics" | "router" => "--bmp localhost:7",
        "kafka-filter" | "kafka-format" | "kafka-topic" => "--kafka y",
        name if name.starts_with("evidence-") => "--evidence y",
        _ => "",
    };
    format!("{source} {more}")
}

#[test]
fn every_flag_is_a_key_that_does_the_same() {
    let mut count = 0;
    for name in COMMANDS {
        let command = command(name);
        for (long, arg) in keys(&command) {
            let (value, flags) = sample(long, arg);
            let needed = needed(name, long);
            let by_flag = parse(&format!("bgptap {name} {flags} {needed}")).expect(long);
            let args = format!("bgptap {name} {needed}");
            let at_top = with(&format!("{long} = {value}"), &args).expect(long);
            let in_table = with(&format!("[{name}]\n{long} = {value}"), &args).expect(long);
            assert_eq!(at_top, by_flag, "{name} --{long}");
            assert_eq!(in_table, by_flag, "{name} --{long}");
            let without = parse(&args).unwrap_or_default();
            assert_ne!(by_flag, without, "{name}: {flags} changes nothing");
            count += 1;
        }
        let flags = command
            .get_arguments()
            .filter(|arg| arg.get_long().is_some())
            .count();
        assert_eq!(
            keys(&command).count(),
            flags - 1,
            "{name}: all but --config"
        );
    }
    assert!(count > 40, "{count}");
}

#[test]
fn flags_beat_the_file() {
    let same = |config: &str, args: &str, flags: &str| {
        let with = with(config, args).expect(config);
        assert_eq!(with, parse(flags).expect(flags), "{config} {args}");
    };
    same(
        "ring = 64",
        "bgptap live -i a --ring 128",
        "bgptap live -i a --ring 128",
    );
    same(
        "ring = 64",
        "bgptap live -i a --ring=128",
        "bgptap live -i a --ring 128",
    );
    same(
        "port = [1, 2]",
        "bgptap read x --port 3",
        "bgptap read x --port 3",
    );
    same(
        "interface = ['a', 'b']",
        "bgptap live -ic",
        "bgptap live -i c",
    );
    same("interface = 'a'", "bgptap live", "bgptap live -i a");
    same("raw = true", "bgptap read x --raw=false", "bgptap read x");
    same("raw = true", "bgptap read x", "bgptap read x --raw=true");
    same(
        "rib-memory = 64",
        "bgptap read x --no-rib",
        "bgptap read x --no-rib",
    );
    same(
        "no-rib = true",
        "bgptap read x --rib-memory 64",
        "bgptap read x --rib-memory 64",
    );
    let named = "bgptap live -i a --peer-name 192.0.2.1=rtr1 --peer-name 2001:db8::1=rtr2";
    for config in [
        "peer-name = ['192.0.2.1=rtr1', '2001:db8::1=rtr2']",
        "peer-name = {'192.0.2.1' = 'rtr1', '2001:db8::1' = 'rtr2'}",
        "[peer-name]\n'192.0.2.1' = 'rtr1'\n'2001:db8::1' = 'rtr2'",
        "[live.peer-name]\n'192.0.2.1' = 'rtr1'\n'2001:db8::1' = 'rtr2'",
    ] {
        same(config, "bgptap live -i a", named);
    }
    same(
        "messages = ['update', 'open']",
        "bgptap read x",
        "bgptap read x --messages update,open",
    );
    same(
        "messages = ['update', 'open']",
        "bgptap read x --messages keepalive",
        "bgptap read x --messages keepalive",
    );
    same("verbose = true", "bgptap read x", "bgptap read x -v");
    same("http = true", "bgptap live -i a", "bgptap live -i a --http");
    same("http = false", "bgptap live -i a", "bgptap live -i a");
    same(
        "ring = 0x40",
        "bgptap live -i a",
        "bgptap live -i a --ring 64",
    );
    same(
        "raw = true\n[live]\nraw = false",
        "bgptap live -i a",
        "bgptap live -i a",
    );
    same("tap = true", "bgptap read x", "bgptap read x");
    same(
        "metrics = '127.0.0.1:1'\n[read]\nmetrics = '127.0.0.1:2'",
        "bgptap read x",
        "bgptap read x --metrics 127.0.0.1:2",
    );
}

#[test]
fn mistakes_are_told_with_their_line() {
    for (config, line, what) in [
        ("raw = true\nfiltr = 'eor'", 2, "unknown key `filtr`"),
        ("raw = true\nfiltr = 'eor'", 2, "try: `filter`, if"),
        ("json_filter = 'eor'", 1, "try: `json-filter`"),
        ("[live]\n\nrign = 64", 3, "try: `ring`"),
        ("[read]\nring = 64", 2, "`ring` is no key of this table"),
        ("[lve]\nring = 64", 1, "unknown key `lve`"),
        ("[liv]\nring = 64", 1, "try: [live], if"),
        ("[raed]\nraw = true", 1, "try: [read], if"),
        ("[read]\ninterface = 'a'", 2, "try: `interface` in [live]"),
        ("[live]\nrib_out = 'a'", 2, "try: `rib-out` in [read]"),
        ("[live]\nrig = 7", 2, "try: `ring`, if"),
        ("config = 'x'", 1, "unknown key `config`"),
        ("live = 3", 1, "is a table"),
        ("raw = 'yes'", 1, "is `true` or `false`"),
        ("raw = true\nring = 'many'", 2, "a number from 1"),
        ("checksums = 'maybe'", 1, "try: one of off, auto, on"),
        ("[peer-name]\nrtr1 = 'x'", 1, "`peer-name`"),
        ("peer-name = {'192.0.2.1' = [1]}", 1, "takes strings"),
        ("json = {a = 1}", 1, "takes a string or a number"),
        ("host = ['a', 'b']", 1, "takes a string or a number"),
        (
            "raw = true\nfilter = 'type update and famly ipv4'",
            2,
            "                  ^^^^^",
        ),
        ("raw = ", 1, ""),
        ("raw = true\nraw = true", 2, "duplicate key"),
        ("raw = true\nraw = true", 2, "try: leave one of them out"),
        (
            "filter = '''\ntype update\nand famly ipv4'''",
            3,
            "  and famly ipv4'''\n      ^^^^^\n  try: perhaps `family`",
        ),
        ("filter = \"aspath '(1'\"", 1, "                   ^\n"),
        (
            "filter = \"type update\\nand famly ipv4\"",
            1,
            "  and famly ipv4\n      ^^^^^\n  try: perhaps `family`",
        ),
    ] {
        let Err(Refused::Config(error)) = with(config, "bgptap read x") else {
            panic!("{config} is wrong");
        };
        assert_eq!(error.line(), Some(line), "{config}: {error}");
        assert!(error.to_string().contains(what), "{config}: {error}");
        assert!(error.to_string().contains('^'), "{config}: {error}");
        assert!(error.to_string().contains("\n  try: "), "{config}: {error}");
    }
    let missing = CommandLine::new(["bgptap", "read", "x", "--config", "/nowhere/x.toml"]);
    assert!(matches!(missing.parse(), Err(Refused::Config(_))));
}

#[test]
fn what_contradicts_itself_does_not_pass_the_check() {
    let check = |text: &str| check(&Written::new(text).0);
    check("interface = 'a'\nno-rib = true").expect("consistent");
    check("").expect("an empty file is one");
    for (text, line, parts) in [
        (
            "json = 'x'\nno-rib = true\nrib-memory = 64",
            2,
            [
                "`no-rib` cannot be beside `rib-memory`",
                "leave one of them out",
            ],
        ),
        (
            "interface = 'a'\ntap-mode = 'clsact'",
            2,
            [
                "`tap-mode` needs `tap`",
                "add `tap`, or leave `tap-mode` out",
            ],
        ),
        (
            "mrt-rotate = '15m'",
            1,
            ["`mrt-rotate` needs `mrt`", "^^^^^"],
        ),
        (
            "host = 'x'\njson-filter = 'eor'\nsummary = 'y'",
            2,
            [
                "`json-filter` needs `json`",
                "add `json`, or leave `json-filter` out",
            ],
        ),
        (
            "[read]\nrouter = '192.0.2.1'",
            2,
            ["`router` needs `bmp`", "^^^^^"],
        ),
        (
            "summary = 'y'\ntext-filter = 'eor'",
            2,
            ["`text-filter` needs `text`", "^^^^^"],
        ),
        ("filter = 'x'", 1, ["`filter`", "there is no test"]),
    ] {
        let error = check(text).expect_err(text);
        assert_eq!(error.line(), Some(line), "{error}");
        for part in parts {
            assert!(error.to_string().contains(part), "no {part} in: {error}");
        }
    }
    let lacking = |text: &str| check(text).expect(text).lacking;
    assert_eq!(lacking("interface = 'a'"), [""; 0]);
    assert_eq!(lacking("json = 'x'"), ["interface"]);
}

/// Wherever it stands, an option of an output needs the output: the refusal says where that is.
#[test]
fn an_option_without_its_output_is_refused_where_it_stands() {
    let in_file = |config: &str, args: &str| match with(config, args) {
        Err(Refused::Config(error)) => error.to_string(),
        other => panic!("{config} {args}: {other:?}"),
    };
    let error = in_file("raw = true\njson-filter = 'eor'", "bgptap read x --mrt y");
    assert!(error.contains(":2: `json-filter` needs `json`"), "{error}");
    let error = in_file("[live]\nmrt-rotate = '1h'", "bgptap live -i a");
    assert!(error.contains(":2: `mrt-rotate` needs `mrt`"), "{error}");
    with("json-filter = 'eor'", "bgptap read x --json y").expect("the flag is its output");
    with("json = 'y'", "bgptap read x --json-filter eor").expect("the file has its output");
    // A flag that stands instead of the key is at fault itself.
    for args in [
        "bgptap read x --json-filter eor",
        "bgptap live -i a --json-filter=eor",
    ] {
        for refused in [parse(args), with("json-filter = 'type update'", args)] {
            let Err(Refused::CommandLine(error)) = refused else {
                panic!("{args}: {refused:?}");
            };
            assert_eq!(error.exit_code(), 2);
            let error = error.to_string();
            assert!(
                error.contains("'--json-filter <EXPR>' belongs to '--json <FILE>'"),
                "{error}"
            );
        }
    }
}

/// Which routers are told of is said to who is told BMP.
#[cfg(feature = "kafka")]
#[test]
fn kafka_that_is_told_lines_has_no_routers() {
    let read = "bgptap read x --kafka localhost:7";
    for option in ["--router 192.0.2.1", "--bmp-statistics 7"] {
        parse(&format!("{read} {option}")).expect("it is told BMP");
        let lines = format!("{read} {option} --kafka-format json");
        let Err(Refused::CommandLine(error)) = parse(&lines) else {
            panic!("{option} means nothing");
        };
        let text = "belongs to '--bmp <HOST:PORT>' or '--kafka <BROKERS>' in the format openbmp";
        assert!(error.to_string().contains(text), "{error}");
        parse(&format!("{lines} --bmp localhost:7")).expect("a station has routers");
    }
}

/// What only a restart changes may wait for an output that a reload brings.
#[test]
fn what_a_reload_cannot_change_may_come_before_its_output() {
    let config = "router = '192.0.2.1'\nbmp-queue = 1\nbmp-statistics = 7";
    with(config, "bgptap live -i a").expect("stations may come");
    assert!(
        with(&format!("[read]\n{config}"), "bgptap read x").is_err(),
        "a file is read once"
    );
    assert!(parse("bgptap live -i a --router 192.0.2.1").is_err());
}

/// One file serves both subcommands: what stands at its top is refused where it means nothing to either.
#[test]
fn a_key_at_the_top_needs_an_output_of_one_subcommand() {
    for config in [
        "bmp-queue = 1",
        "only-changes = true\nsummary = 'x'\nhttp = true",
        "json-rotate = '1h'\n[live]\njson = 'x'",
        "mrt-filter = 'eor'\n[read]\nmrt = 'x'",
        "text-filter = 'eor'\n[read]\nsummary = 'x'",
    ] {
        check(&Written::new(config).0).expect(config);
        for args in ["bgptap live -i a", "bgptap read x"] {
            with(config, args).expect(config);
        }
    }
    for (config, line, args) in [
        ("[read]\nbmp-queue = 1", 2, "bgptap read x"),
        (
            "json-rotate = '1h'\n[live]\nmrt = 'x'",
            1,
            "bgptap live -i a",
        ),
        (
            "[live]\njson-rotate = '1h'\n[read]\njson = 'x'",
            2,
            "bgptap live -i a",
        ),
        // The table's own key stands instead of that at the top.
        (
            "json-rotate = '1h'\n[live]\njson = 'x'\njson-rotate = '2h'",
            1,
            "bgptap read x",
        ),
    ] {
        let checked = check(&Written::new(config).0).expect_err(config);
        assert_eq!(checked.line(), Some(line), "{checked}");
        let Err(Refused::Config(error)) = with(config, args) else {
            panic!("{config}: {args}");
        };
        assert_eq!(error.line(), Some(line), "{error}");
    }
}

#[test]
fn what_is_shown_is_a_file_that_means_the_same() {
    for config in [
        "",
        "raw = true\nport = [179, 1179]\nfilter = '''type update\nand not eor'''\nhttp = true",
        "interface = ['a', 'b']\nmetrics = '127.0.0.1:1'\n[live]\nhost = \"x\"\nring = 64\n[read]\nraw = true\nhost = 'y'",
        "[peer-name]\n'192.0.2.1' = 'rtr1'\n'2001:db8::1' = 'rtr\"2'",
        "peer-name = ['192.0.2.1=rtr1']\n[read]\npeer-name = {}",
    ] {
        let shown = show(&Written::new(config).0).expect(config);
        for args in ["bgptap live -i z", "bgptap read file"] {
            let (first, again) = (with(config, args), with(&shown, args));
            assert_eq!(again.expect(&shown), first.expect(config), "{shown}");
        }
        let again = show(&Written::new(&shown).0).expect(&shown);
        assert_eq!(again, shown, "what is shown is shown again");
        // Also what is commented out is TOML.
        for line in shown.lines().filter_map(|line| line.strip_prefix('#')) {
            if !line.starts_with(' ') {
                toml::from_str::<toml::Table>(line).expect(line);
            }
        }
        for name in COMMANDS {
            for (long, _) in keys(&command(name)) {
                let said = |line: &str| {
                    line.trim_start_matches('#')
                        .starts_with(&format!("{long} = "))
                };
                assert!(shown.lines().any(said), "{long} is not shown");
            }
        }
    }
}
