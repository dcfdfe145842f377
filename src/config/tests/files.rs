//! Several files, and who may write to them.

#[cfg(unix)]
use std::fs;
use std::path::Path;
use std::time::Duration;

use proptest::prelude::*;

use super::super::document::{Layer, Place};
use super::super::*;
use super::{build, document, paths, valid};

#[test]
fn a_thing_configured_in_two_files_names_both_places() {
    let second = "[vault.linux]\nurl = \"https://kv-2.vault.azure.net\"\nwindow = \"linux-root\"\n";
    let files = [
        document("/a.toml", Layer::User, &valid()),
        document("/b.toml", Layer::Team, second),
    ];
    let text = build(&files).unwrap_err().to_string();
    assert!(text.contains("/b.toml:1"), "{text}");
    assert!(text.contains("/a.toml:11"), "{text}");
}

#[test]
fn the_managed_file_wins_and_the_user_is_told() {
    let managed = "[vault.linux]\nurl = \"https://kv-2.vault.azure.net\"\nwindow = \"linux-root\"\n\
                   [agent]\nanswer_within = \"30s\"\n";
    let own = valid() + "[agent]\nanswer_within = \"50s\"\npropagation = \"10m\"\n";
    let files = [
        document("/a.toml", Layer::User, &own),
        document("/m.toml", Layer::Managed, managed),
    ];
    let config = build(&files).unwrap();
    assert_eq!(config.vaults.len(), 1);
    assert_eq!(
        config.vaults[0].url.host_str(),
        Some("kv-2.vault.azure.net")
    );
    assert_eq!(config.agent.answer_within, Duration::from_secs(30));
    assert_eq!(config.agent.propagation, Duration::from_secs(600));
    assert_eq!(config.warnings().len(), 2, "{:?}", config.warnings());
    let source = &config.catalog.named("web").unwrap().source;
    assert_eq!(source, Path::new("/a.toml"));
}

#[test]
fn no_file_at_all_points_to_init() {
    let folder = tempfile::tempdir().unwrap();
    let paths = Paths {
        config: folder.path().join("config.toml"),
        ..paths()
    };
    let text = Config::load(&paths).unwrap_err().to_string();
    assert!(text.contains("pimento init"), "{text}");
}

#[cfg(unix)]
#[test]
fn drop_ins_and_included_files_are_read() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
    };
    let text = valid();
    let (access, credentials) = text.split_once("[key.web]").unwrap();
    write("config.toml", "include = [\"team/access.toml\"]\n");
    write("config.d/20.toml", &format!("[key.web]{credentials}"));
    write("config.d/ignored.txt", "not TOML");
    write("team/access.toml", access);
    let paths = Paths {
        config: folder.path().join("config.toml"),
        ..paths()
    };
    let config = Config::load(&paths).unwrap();
    assert_eq!(config.files.len(), 3);
    assert_eq!(config.catalog.iter().count(), 2);
    assert_eq!(config.catalog.keys().count(), 1);
    assert_eq!(config.catalog.passwords().count(), 1);

    write("config.d/30.toml", "include = [\"absent.toml\"]\n");
    let text = Config::load(&paths).unwrap_err().to_string();
    assert!(text.contains("30.toml:1: cannot include"), "{text}");
}

#[cfg(unix)]
#[test]
fn a_managed_file_that_others_can_write_is_not_trusted() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let paths = Paths {
        config: folder.path().join("config.toml"),
        managed: folder.path().join("managed.toml"),
        ..paths()
    };
    fs::write(&paths.managed, valid()).unwrap();
    fs::set_permissions(&paths.managed, fs::Permissions::from_mode(0o666)).unwrap();
    let text = Config::load(&paths).unwrap_err().to_string();
    assert!(text.contains("cannot be trusted"), "{text}");
}

proptest! {
    #[test]
    fn a_place_is_on_the_line_that_an_editor_shows(text in "[a\n]{0,60}", offset in 0usize..=60) {
        let offset = offset.min(text.len());
        let document = document("/a.toml", Layer::User, &text);
        let place = Place { document: &document, offset };
        let newlines = text.bytes().take(offset).filter(|byte| *byte == b'\n');
        prop_assert_eq!(place.line(), 1 + newlines.count());
    }
}
