//! What happens to the files that are written, and to those that were there.
#![cfg(unix)]

use std::fs::{self, File, Permissions};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::time::{Duration, SystemTime};

use super::support::Folder;

fn steps_one(folder: &Folder, out: &str) {
    let output = folder.run("sample", &["--steps", "1", "--count", "1", "--out", out]);
    assert!(output.status.success(), "{output:?}");
}

fn mode(folder: &Folder, name: &str) -> u32 {
    fs::metadata(folder.path(name))
        .unwrap()
        .permissions()
        .mode()
        & 0o777
}

#[test]
fn a_file_that_is_written_again_keeps_its_permissions_and_its_links() {
    let folder = Folder::with_model("writing");
    fs::write(folder.path("secret.png"), "old").unwrap();
    fs::set_permissions(folder.path("secret.png"), Permissions::from_mode(0o600)).unwrap();
    steps_one(&folder, "secret.png");
    assert_eq!(mode(&folder, "secret.png"), 0o600);
    image::open(folder.path("secret.png")).unwrap();

    // Links that lead to nothing yet: what they lead to is made, and they stay.
    symlink("second.png", folder.path("first.png")).unwrap();
    symlink("target.png", folder.path("second.png")).unwrap();
    steps_one(&folder, "first.png");
    assert!(folder.path("second.png").is_symlink());
    assert!(!folder.path("target.png").is_symlink());
    image::open(folder.path("target.png")).unwrap();
    symlink("round.png", folder.path("round.png")).unwrap();
    let round = folder.run(
        "sample",
        &["--steps", "1", "--count", "1", "--out", "round.png"],
    );
    assert_eq!(round.status.code(), Some(1), "{round:?}");
}

#[test]
fn what_a_killed_run_left_of_a_file_is_swept_and_nothing_else() {
    let folder = Folder::with_model("sweeping");
    let [old, young, other] = [
        "a.png.partial-1-0",
        "a.png.partial-2-0",
        "b.png.partial-1-0",
    ];
    for name in [old, young, other] {
        fs::write(folder.path(name), "half").unwrap();
    }
    for name in [old, other] {
        let long_ago = SystemTime::now() - Duration::from_secs(7200);
        let file = File::options().write(true).open(folder.path(name)).unwrap();
        file.set_modified(long_ago).unwrap();
    }
    steps_one(&folder, "a.png");
    let names = folder.names();
    let there = |name: &str| names.iter().any(|found| found == name);
    assert!(!there(old) && there(young) && there(other), "{names:?}");
    let partial = |name: &&String| name.contains(".partial-");
    assert_eq!(names.iter().filter(partial).count(), 2, "{names:?}");
}
