//! How the user is asked, and for what.

use super::super::document::Custody;
use super::*;
use crate::aftermath::AtEnd;
use crate::catalog::PasswordUse;

/// `[agent]` with these fields, in a file that is kept like that.
fn agent(fields: &str, custody: Custody) -> Result<Config, ConfigError> {
    let text = valid() + "[agent]\n" + fields;
    let document = document("/c.toml", Layer::User, &text);
    build(&[Document {
        custody,
        ..document
    }])
}

const OWN: Custody = Custody {
    by_root: false,
    by_user: true,
    shared: false,
};

#[test]
fn a_key_is_confirmed_only_where_that_is_written() {
    let confirmed = |config: &Config| config.catalog.keys().next().unwrap().1.rules.confirm;
    assert!(!confirmed(&changed("", "")));
    assert!(confirmed(&changed(
        "[key.web]",
        "[key.web]\nconfirm = true"
    )));
    let wrong = problem("[key.web]", "[key.web]\nconfirm = \"always\"");
    assert!(
        wrong
            .to_string()
            .contains("confirm = true or confirm = false"),
        "{wrong}"
    );
    let password = |config: &Config| config.catalog.passwords().next().unwrap().1.confirm;
    assert!(!password(&changed("", "")));
    assert!(password(&changed(
        "[password.db01-root]",
        "[password.db01-root]\nconfirm = true",
    )));
}

#[test]
fn the_programs_that_ask_and_their_time_can_be_named() {
    let fields = "askpass = \"/bin/true\"\npinentry = \"/bin/false\"\nprompt_timeout = \"90s\"\n";
    let prompts = agent(fields, OWN).unwrap().agent.prompts;
    assert_eq!(prompts.askpass.unwrap(), Path::new("/bin/true"));
    assert_eq!(prompts.pinentry.unwrap(), Path::new("/bin/false"));
    assert_eq!(prompts.timeout, Duration::from_secs(90));
    let usual = changed("", "").agent.prompts;
    assert_eq!(
        (usual.askpass, usual.timeout),
        (None, Duration::from_secs(60))
    );
}

#[test]
fn a_program_that_is_not_there_or_asks_in_circles_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let ours = folder.path().join("pimento-askpass");
    std::fs::write(&ours, "").unwrap();
    for (path, why) in [
        ("/nonexistent/askpass", "is not a file"),
        ("/bin", "is not a file"),
        (ours.to_str().unwrap(), "cannot ask for pimento"),
    ] {
        let error = agent(&format!("askpass = {path:?}\n"), OWN).unwrap_err();
        assert!(error.to_string().contains(why), "{error}");
    }
    for span in ["0s", "11m"] {
        let error = agent(&format!("prompt_timeout = {span:?}\n"), OWN).unwrap_err();
        assert!(error.to_string().contains("out of range"), "{error}");
    }
}

#[test]
fn a_program_is_not_taken_from_a_file_that_others_can_write() {
    for field in ["askpass", "pinentry"] {
        for (by_user, shared) in [(true, true), (false, false)] {
            let custody = Custody {
                by_user,
                shared,
                ..OWN
            };
            let error = agent(&format!("{field} = \"/bin/true\"\n"), custody).unwrap_err();
            assert!(error.to_string().contains("chmod 600"), "{error}");
        }
    }
}

#[test]
fn the_pipe_of_windows_own_agent_is_taken_on_windows_only_and_by_choice() {
    assert!(!agent("", OWN).unwrap().agent.openssh_pipe);
    assert!(
        !agent("openssh_pipe = false", OWN)
            .unwrap()
            .agent
            .openssh_pipe
    );
    let taken = agent("openssh_pipe = true", OWN);
    assert_eq!(taken.is_ok(), cfg!(windows));
    if let Err(error) = taken {
        let said = error.to_string();
        assert!(said.contains("openssh_pipe is for Windows"), "{said}");
    }
    let error = agent("openssh_pipe = \"yes\"", OWN).unwrap_err();
    assert!(error.to_string().contains("openssh_pipe = true"), "{error}");
}

#[test]
fn where_a_password_may_go_is_written_in_words_of_their_own() {
    let uses = |config: &Config| config.catalog.passwords().next().unwrap().1.uses.clone();
    let usual = [PasswordUse::Reveal, PasswordUse::Ssh, PasswordUse::Sudo];
    assert_eq!(uses(&changed("", "")), usual);
    let rs = "[password.db01-root]\nuses = [\"sudo-rs\", \"git\"]";
    let written = uses(&changed("[password.db01-root]", rs));
    assert_eq!(written, [PasswordUse::SudoRs, PasswordUse::Git]);
    let odd = "[password.db01-root]\nuses = [\"login\"]";
    let wrong = problem("[password.db01-root]", odd).to_string();
    assert!(wrong.contains("uses cannot be \"login\""), "{wrong}");
    let none = problem("[password.db01-root]", "[password.db01-root]\nuses = []");
    assert!(none.to_string().contains("uses is empty"), "{none}");
}

#[test]
fn what_is_done_at_the_end_of_a_window_is_said_and_else_it_is_offered() {
    let at_end = |config: &Config| config.agent.at_end;
    assert_eq!(at_end(&changed("", "")), AtEnd::default());
    let both = "[agent]\nat_end = [\"sudo\", \"control-master\"]\n[tenant.contoso]";
    let both = at_end(&changed("[tenant.contoso]", both));
    assert!(both.sudo && both.control_master);
    let odd = "[agent]\nat_end = [\"reboot\"]\n[tenant.contoso]";
    let wrong = problem("[tenant.contoso]", odd).to_string();
    assert!(wrong.contains("at_end cannot be \"reboot\""), "{wrong}");
}

#[test]
fn an_agent_is_not_its_own_upstream() {
    let other = agent("upstream = \"~/other.sock\"", OWN).unwrap().agent;
    assert_eq!(
        other.upstream.as_deref(),
        Some(Path::new("/home/ann/other.sock"))
    );
    let own = format!("upstream = {:?}", paths().agent_socket());
    let refused = agent(&own, OWN).unwrap_err();
    let said = refused.to_string();
    assert!(
        said.contains("is the socket of this agent itself"),
        "{said}"
    );
}

#[cfg(unix)]
#[test]
fn nor_is_a_link_to_its_own_socket_an_upstream() {
    let folder = tempfile::tempdir().unwrap();
    let (run, link) = (folder.path().join("run"), folder.path().join("link.sock"));
    std::fs::create_dir(&run).unwrap();
    std::fs::write(run.join("agent.sock"), "").unwrap();
    std::os::unix::fs::symlink(run.join("agent.sock"), &link).unwrap();
    let text = format!("{}[agent]\nupstream = {link:?}\n", valid());
    let paths = Paths {
        runtime: run,
        ..paths()
    };
    let refused = Config::parse(&text, &paths).unwrap_err().to_string();
    assert!(
        refused.contains("is the socket of this agent itself"),
        "{refused}"
    );
}
