//! The plots, from the tables of [`Data`].

use super::data::Data;
use plotters::coord::combinators::IntoLogRange;
use plotters::prelude::*;
use std::error::Error;
use std::path::Path;

type Result<T> = std::result::Result<T, Box<dyn Error>>;
type Point = (f64, f64);
/// A name, and bars with theirs.
type Group = (String, Vec<(String, f64)>);

const SIZE: (u32, u32) = (860, 420);
const OURS: RGBColor = RGBColor(0, 90, 170);
/// As many as there are others in a group of bars, so that no two look alike.
const OTHERS: [RGBColor; 5] = [
    RGBColor(120, 120, 120),
    RGBColor(200, 100, 20),
    RGBColor(60, 140, 60),
    RGBColor(150, 80, 160),
    RGBColor(210, 170, 30),
];

/// A named row of points.
struct Series {
    name: String,
    points: Vec<Point>,
    color: RGBColor,
}

/// An axis: what it says, its ends, and whether it is logarithmic.
struct Axis {
    name: &'static str,
    ends: (f64, f64),
    log: bool,
}

/// Draws all that there is data for: file names, and what they show.
pub(crate) fn draw(data: &Data, folder: &Path) -> Result<Vec<(&'static str, &'static str)>> {
    let mut drawn = Vec::new();
    if !data.rows("decode").is_empty() {
        decode(data, &folder.join("decode.svg"))?;
        drawn.push((
            "decode.svg",
            "Time to decode a message, by workload and decoder",
        ));
    }
    if !data.rows("latency").is_empty() {
        latency(data, &folder.join("latency.svg"))?;
        drawn.push((
            "latency.svg",
            "Time from the driver's hook, by rate and way of waiting",
        ));
    }
    if !data.rows("memory").is_empty() {
        memory(data, &folder.join("memory.svg"))?;
        drawn.push(("memory.svg", "Resident memory of live over time"));
    }
    for (table, file, name, shows, log) in [
        (
            "sessions",
            "sessions.svg",
            "sessions",
            "Cost of a message by number of sessions",
            true,
        ),
        (
            "routes",
            "routes.svg",
            "routes in the table",
            "Cost of a message while a table grows",
            false,
        ),
        (
            "churn",
            "churn.svg",
            "routes in the table",
            "Cost of a message that replaces routes",
            true,
        ),
    ] {
        if !data.rows(table).is_empty() {
            growth(data, table, (name, log), &folder.join(file))?;
            drawn.push((file, shows));
        }
    }
    Ok(drawn)
}

fn number(text: &str) -> Result<f64> {
    Ok(text.parse()?)
}

/// A logarithmic axis has no zero.
fn least(value: f64) -> f64 {
    value.max(1e-3)
}

fn growth(data: &Data, table: &str, (name, log): (&'static str, bool), file: &Path) -> Result<()> {
    let points = data.rows(table).iter();
    let points = points.map(|row| Ok((number(&row[0])?, number(&row[1])?)));
    let points: Vec<Point> = points.collect::<Result<_>>()?;
    let costs = points.iter().map(|point| point.1);
    let (low, high) = (
        costs.clone().fold(f64::MAX, f64::min),
        costs.fold(0.0, f64::max),
    );
    let middle = f64::midpoint(low, high);
    let (first, last) = (points[0].0, points[points.len() - 1].0);
    let band = |name: &str, level: f64| Series {
        name: name.to_owned(),
        points: vec![(first, level), (last, level)],
        color: OTHERS[0],
    };
    let series = [
        band("+20 %", 1.2 * middle),
        band("−20 %", 0.8 * middle),
        Series {
            name: "bgptap".to_owned(),
            points,
            color: OURS,
        },
    ];
    let across = Axis {
        name,
        ends: (if log { least(first) } else { 0.0 }, last),
        log,
    };
    let up = Axis {
        name: "ns a message",
        ends: (0.0, high.max(1.2 * middle) * 1.1),
        log: false,
    };
    lines(file, &across, &up, &series)
}

fn memory(data: &Data, file: &Path) -> Result<()> {
    let points = data.rows("memory").iter();
    let points = points.map(|row| Ok((number(&row[0])?, number(&row[1])?)));
    let points: Vec<Point> = points.collect::<Result<_>>()?;
    let high = points.iter().map(|point| point.1).fold(0.0, f64::max);
    let last = points[points.len() - 1].0;
    let series = [Series {
        name: "resident".to_owned(),
        points,
        color: OURS,
    }];
    let across = Axis {
        name: "seconds",
        ends: (0.0, last),
        log: false,
    };
    let up = Axis {
        name: "MiB",
        ends: (0.0, 1.1 * high),
        log: false,
    };
    lines(file, &across, &up, &series)
}

/// Lines with a mark at each point.
fn lines(file: &Path, across: &Axis, up: &Axis, series: &[Series]) -> Result<()> {
    // The library has another type of chart for each pair of axes.
    macro_rules! chart {
        ($x:expr, $y:expr) => {{
            let root = SVGBackend::new(file, SIZE).into_drawing_area();
            root.fill(&WHITE)?;
            let mut chart = ChartBuilder::on(&root)
                .margin(12)
                .x_label_area_size(40)
                .y_label_area_size(70)
                .build_cartesian_2d($x, $y)?;
            let mut mesh = chart.configure_mesh();
            mesh.light_line_style(WHITE)
                .x_desc(across.name)
                .y_desc(up.name)
                .draw()?;
            for one in series {
                let color = one.color;
                let line = LineSeries::new(one.points.iter().copied(), color.stroke_width(2))
                    .point_size(3);
                chart
                    .draw_series(line)?
                    .label(&one.name)
                    .legend(move |(x, y)| {
                        Rectangle::new([(x, y - 3), (x + 14, y + 3)], color.filled())
                    });
            }
            let mut labels = chart.configure_series_labels();
            labels
                .background_style(WHITE.mix(0.8))
                .border_style(BLACK.mix(0.3));
            labels.position(SeriesLabelPosition::LowerRight).draw()?;
            root.present()?;
        }};
    }
    let (x, y) = (across.ends, up.ends);
    match (across.log, up.log) {
        (true, true) => chart!((x.0..x.1).log_scale(), (y.0..y.1).log_scale()),
        (true, false) => chart!((x.0..x.1).log_scale(), y.0..y.1),
        (false, true) => chart!(x.0..x.1, (y.0..y.1).log_scale()),
        (false, false) => chart!(x.0..x.1, y.0..y.1),
    }
    Ok(())
}

/// Groups of bars, on a logarithmic scale.
fn bars(file: &Path, unit: &str, groups: &[Group]) -> Result<()> {
    let values = groups.iter().flat_map(|group| &group.1);
    let values = values.map(|bar| least(bar.1));
    let (low, high) = values.fold((f64::MAX, 0.0_f64), |(low, high), v| {
        (low.min(v), high.max(v))
    });
    let low = low / 2.0;
    let root = SVGBackend::new(file, SIZE).into_drawing_area();
    root.fill(&WHITE)?;
    let mut chart = ChartBuilder::on(&root)
        .margin(12)
        .x_label_area_size(40)
        .y_label_area_size(70)
        .build_cartesian_2d(0.0..groups.len() as f64, (low..high * 3.0).log_scale())?;
    let name = |at: &f64| {
        groups
            .get(*at as usize)
            .map_or(String::new(), |group| group.0.clone())
    };
    let mut mesh = chart.configure_mesh();
    mesh.disable_x_mesh().light_line_style(WHITE).y_desc(unit);
    mesh.x_labels(0).x_label_formatter(&name).draw()?;
    let most = groups.iter().max_by_key(|group| group.1.len());
    let names = most.map_or(&[][..], |group| &group.1).iter();
    let names: Vec<_> = names.map(|bar| bar.0.clone()).collect();
    for (number, name) in names.iter().enumerate() {
        let color = if name == "bgptap" {
            OURS
        } else {
            OTHERS[number % OTHERS.len()]
        };
        let width = 0.8 / names.len() as f64;
        let bar = |(at, group): (usize, &Group)| {
            let left = at as f64 + 0.1 + number as f64 * width;
            let named = group.1.iter().find(|bar| bar.0 == *name);
            let value = named.map_or(low, |bar| least(bar.1));
            Rectangle::new([(left, low), (left + width * 0.9, value)], color.filled())
        };
        chart
            .draw_series(groups.iter().enumerate().map(bar))?
            .label(name)
            .legend(move |(x, y)| Rectangle::new([(x, y - 4), (x + 14, y + 4)], color.filled()));
    }
    // The library would put names between groups.
    let style = ("sans-serif", 14).into_font().color(&BLACK);
    for (at, group) in groups.iter().enumerate() {
        let step = (f64::from(SIZE.0) - 94.0) / groups.len() as f64;
        let x = 82.0 + step * at as f64 + step * 0.1;
        root.draw(&Text::new(
            group.0.clone(),
            (x as i32, SIZE.1.cast_signed() - 40),
            style.clone(),
        ))?;
    }
    let mut labels = chart.configure_series_labels();
    labels
        .background_style(WHITE.mix(0.8))
        .border_style(BLACK.mix(0.3));
    labels.position(SeriesLabelPosition::UpperRight).draw()?;
    root.present()?;
    Ok(())
}

/// Puts a bar into the group of that name, which is the last one or begins now.
fn put(groups: &mut Vec<Group>, name: String, bar: (String, f64)) {
    if groups.last().is_none_or(|group| group.0 != name) {
        groups.push((name, Vec::new()));
    }
    // What could not be measured has no bar.
    if let Some(group) = groups.last_mut().filter(|_| !bar.1.is_nan()) {
        group.1.push(bar);
    }
}

fn decode(data: &Data, file: &Path) -> Result<()> {
    let mut groups = Vec::new();
    for row in data.rows("decode") {
        let name = row[0].split(',').next().unwrap_or_default().to_owned();
        put(&mut groups, name, (row[1].clone(), number(&row[2])?));
    }
    bars(file, "ns a message", &groups)
}

fn latency(data: &Data, file: &Path) -> Result<()> {
    let mut groups = Vec::new();
    for row in data.rows("latency") {
        let waiting = row[1].split(' ').next().unwrap_or_default();
        let name = format!("{} {waiting} {}", row[0], row[3]);
        put(&mut groups, name, (row[2].clone(), number(&row[4])?));
    }
    bars(file, "µs", &groups)
}
