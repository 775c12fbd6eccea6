//! The configuration files that are given as examples can be used as they are.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::path::Path;
use std::process::Command;

/// Each file of `contrib/examples` passes `bgptap config check`, and one with a slip does not.
#[test]
fn each_example_passes_the_check() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("contrib/examples");
    let check = |file: &Path| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_bgptap"));
        command
            .args(["config", "check"])
            .arg(file)
            .output()
            .unwrap()
    };
    let mut checked = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let file = entry.unwrap().path();
        let output = check(&file);
        assert!(output.status.success(), "{}: {output:?}", file.display());
        checked += 1;

        let slip = std::env::temp_dir().join(format!("bgptap-example-{}", std::process::id()));
        let text = std::fs::read_to_string(&file).unwrap();
        std::fs::write(&slip, format!("interfaze = ['eth1']\n{text}")).unwrap();
        let output = check(&slip);
        std::fs::remove_file(&slip).unwrap();
        assert!(!output.status.success(), "{}", file.display());
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(said.contains("interfaze"), "{said}");
    }
    assert!(checked >= 4, "{checked} examples");
}
