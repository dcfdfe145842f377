//! The service as two units of the user's systemd: a socket, and what it starts.
//!
//! Where a package has brought the units, they are used; else they are written, with the path of this
//! program. What never happens here: a unit or a variable that somebody else has written is changed.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use tokio::process::Command;

use super::Told;
use crate::cli::Failure;
use crate::config::Paths;
use crate::refusal::ExitCode;

use confined::Confined;
pub(super) use status::status;

mod confined;
mod status;
mod surroundings;

/// The units as packages bring them.
const UNITS: [(&str, &str); 2] = [
    (
        SOCKET,
        include_str!("../../../packaging/systemd/pimento.socket"),
    ),
    (
        SERVICE,
        include_str!("../../../packaging/systemd/pimento.service"),
    ),
];
const VARIABLE: &str = include_str!("../../../packaging/systemd/60-pimento.conf");
const SOCKET: &str = "pimento.socket";
const SERVICE: &str = "pimento.service";
const VARIABLE_FILE: &str = "60-pimento.conf";

/// Where packages put units, and the file with the variable.
const PACKAGED_UNITS: [&str; 3] = [
    "/usr/local/lib/systemd/user",
    "/usr/lib/systemd/user",
    "/lib/systemd/user",
];
const PACKAGED_VARIABLE: &str = "/usr/share/pimento/60-pimento.conf";

/// The first line of what is written here, by which it is known again.
const MARK: &str =
    "# Written by `pimento service install`, removed by `pimento service uninstall`.\n";

/// Where things are.
struct Places {
    /// The user's own units.
    units: PathBuf,
    /// The user's own variables.
    variables: PathBuf,
    /// The packaged socket unit, if there is one.
    packaged: Option<PathBuf>,
    /// The packaged file with the variable, if it is there.
    variable: Option<PathBuf>,
}

impl Places {
    fn of(paths: &Paths) -> Self {
        // Beside pimento's own folder, as the XDG specification has it; not where an option of this
        // command says that the configuration is.
        let config = std::env::var_os("XDG_CONFIG_HOME").map(PathBuf::from);
        let config = config.filter(|folder| folder.is_absolute());
        let home = paths.home.clone().unwrap_or_default();
        let config = config.unwrap_or_else(|| home.join(".config"));
        let packaged = PACKAGED_UNITS
            .iter()
            .map(|folder| Path::new(folder).join(SOCKET));
        let packaged = packaged.into_iter().find(|unit| unit.exists());
        Self {
            units: config.join("systemd/user"),
            variables: config.join("environment.d"),
            variable: Some(PathBuf::from(PACKAGED_VARIABLE)).filter(|file| file.exists()),
            packaged,
        }
    }

    /// The units that were written here. They win over a package's.
    fn own_units(&self) -> Vec<PathBuf> {
        let files = UNITS.iter().map(|(name, _)| self.units.join(name));
        files.filter(|file| is_ours(file)).collect()
    }

    fn variable_file(&self) -> PathBuf {
        self.variables.join(VARIABLE_FILE)
    }

    /// That file, where it is.
    fn told_variable(&self) -> Option<String> {
        let file = self.variable_file();
        file.exists().then(|| file.display().to_string())
    }
}

pub(super) async fn install(paths: &Paths, ssh_auth_sock: bool) -> Result<Told, Failure> {
    let places = Places::of(paths);
    let mut told = Vec::new();
    match Confined::here() {
        Some(confined) => told.push(confined.told()),
        None => install_units(paths, &places, &mut told).await?,
    }
    if ssh_auth_sock {
        install_variable(&places, &mut told)?;
        let variable = format!("SSH_AUTH_SOCK={}", paths.agent_socket().display());
        systemctl(&["set-environment", &variable]).await?;
    }
    Ok(Told(told))
}

async fn install_units(
    paths: &Paths,
    places: &Places,
    told: &mut Vec<String>,
) -> Result<(), Failure> {
    if !is_active(SOCKET).await? && answers(paths).await {
        return Err(Failure::new(
            "agent_runs",
            ExitCode::Failed,
            "an agent that was started by hand listens already",
            "end it (Ctrl-C where it runs, or `pkill -x pimento`), then run this again",
        ));
    }
    surroundings::agree(paths).await?;
    // A user may have turned off what a package turns on for all: by a link where their own unit would be.
    systemctl(&["unmask", SOCKET]).await?;
    let own = places.own_units();
    if let Some(packaged) = &places.packaged {
        remove(&own, told)?;
        told.push(format!("using the package's {}", packaged.display()));
    } else {
        write_units(places, told)?;
    }
    systemctl(&["daemon-reload"]).await?;
    // What runs may be the program of the units that were there before.
    if !own.is_empty() {
        systemctl(&["try-restart", SERVICE]).await?;
    }
    systemctl(&["enable", "--now", SOCKET]).await?;
    told.push(format!(
        "enabled and started {SOCKET}: the agent starts when something asks it"
    ));
    if !is_active(SOCKET).await? {
        told.push(format!(
            "{SOCKET} waits for a configuration: `pimento init`, then `systemctl --user start {SOCKET}`"
        ));
    }
    Ok(())
}

fn write_units(places: &Places, told: &mut Vec<String>) -> Result<(), Failure> {
    let program = std::env::current_exe().map_err(|error| failed("this program", &error))?;
    let program = quoted(&program);
    for (name, text) in UNITS {
        let text = text.replace("/usr/bin/pimento", &program);
        write(&places.units.join(name), &text)?;
        told.push(format!("wrote {}", places.units.join(name).display()));
    }
    Ok(())
}

/// A path as `ExecStart=` takes it (systemd.service(5), "Command lines").
fn quoted(path: &Path) -> String {
    let text = path.display().to_string();
    let text = text.replace('%', "%%").replace('$', "$$");
    let plain = |it: char| it.is_ascii_alphanumeric() || "/._-+%$".contains(it);
    match text.chars().all(plain) {
        true => text,
        false => format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\"")),
    }
}

fn install_variable(places: &Places, told: &mut Vec<String>) -> Result<(), Failure> {
    let file = places.variable_file();
    match &places.variable {
        // A link: when the package is removed, so is the variable.
        Some(packaged) => {
            make_room(&file)?;
            std::os::unix::fs::symlink(packaged, &file).map_err(|error| failed(&file, &error))?;
        }
        None => write(&file, VARIABLE)?,
    }
    told.push(format!(
        "wrote {}: SSH_AUTH_SOCK of your next sessions",
        file.display()
    ));
    Ok(())
}

pub(super) async fn uninstall(paths: &Paths) -> Result<Told, Failure> {
    let places = Places::of(paths);
    let mut told = Vec::new();
    match Confined::here() {
        Some(confined) => told.push(confined.told()),
        None => uninstall_units(&places, &mut told).await?,
    }
    let variable = Some(places.variable_file()).filter(|file| is_ours(file));
    remove(variable.as_slice(), &mut told)?;
    if variable_of_manager().await?.as_deref() == paths.agent_socket().to_str() {
        systemctl(&["unset-environment", "SSH_AUTH_SOCK"]).await?;
        told.push("unset SSH_AUTH_SOCK of programs that systemd starts".to_owned());
    }
    systemctl(&["daemon-reload"]).await?;
    // Unless an agent goes on that this does not concern.
    if !answers(paths).await {
        sweep(&paths.runtime);
    }
    if told.is_empty() {
        told.push("there was no service of pimento's".to_owned());
    }
    Ok(Told(told))
}

async fn uninstall_units(places: &Places, told: &mut Vec<String>) -> Result<(), Failure> {
    let own = places.own_units();
    if !own.is_empty() {
        systemctl(&["disable", "--now", SOCKET, SERVICE]).await?;
        told.push(format!("stopped and disabled {SOCKET}"));
        remove(&own, told)?;
    }
    if places.packaged.is_some() {
        systemctl(&["daemon-reload"]).await?;
        // The package has turned it on for all users, which a user cannot undo in another way.
        systemctl(&["mask", "--now", SOCKET]).await?;
        systemctl(&["stop", SERVICE]).await?;
        told.push(format!(
            "stopped and masked {SOCKET} (removing the package removes it)"
        ));
    }
    Ok(())
}

fn remove(files: &[PathBuf], told: &mut Vec<String>) -> Result<(), Failure> {
    for file in files {
        fs::remove_file(file).map_err(|error| failed(file, &error))?;
        told.push(format!("removed {}", file.display()));
    }
    Ok(())
}

/// Removes what is left of the sockets' folder: locks, which nobody holds.
fn sweep(folder: &Path) {
    for name in [
        "agent.sock.lock",
        "control.sock.lock",
        "credentials.sock.lock",
    ] {
        let _gone = fs::remove_file(folder.join(name));
    }
    // Only an empty one is removed.
    let _kept_else = fs::remove_dir(folder);
}

/// Whether a file was written here, or leads to the package.
fn is_ours(file: &Path) -> bool {
    let leads = fs::read_link(file).is_ok_and(|to| to == Path::new(PACKAGED_VARIABLE));
    leads || fs::read_to_string(file).is_ok_and(|text| text.starts_with(MARK))
}

fn write(file: &Path, text: &str) -> Result<(), Failure> {
    make_room(file)?;
    fs::write(file, format!("{MARK}{text}")).map_err(|error| failed(file, &error))
}

/// Makes the folder of a file, and takes away one of ours that is there; another's stays.
fn make_room(file: &Path) -> Result<(), Failure> {
    let there = fs::symlink_metadata(file).is_ok();
    if there && !is_ours(file) {
        return Err(Failure::new(
            "not_ours",
            ExitCode::Failed,
            format!(
                "{} is there, and was not written by pimento",
                file.display()
            ),
            "move it away, then run this again",
        ));
    }
    if there {
        fs::remove_file(file).map_err(|error| failed(file, &error))?;
    }
    let folder = file.parent().unwrap_or(file);
    fs::create_dir_all(folder).map_err(|error| failed(folder, &error))
}

fn failed(what: impl AsRef<Path>, error: &io::Error) -> Failure {
    Failure::failed(format!("{}: {error}", what.as_ref().display()))
}

/// Whether there is an agent, whoever has started it.
async fn answers(paths: &Paths) -> bool {
    let socket = paths.control_socket();
    crate::control::client::connect(&socket).await.is_ok()
}

async fn is_active(unit: &str) -> Result<bool, Failure> {
    Ok(state(unit).await? == "active")
}

async fn state(unit: &str) -> Result<String, Failure> {
    answer(&["is-active", unit]).await
}

/// SSH_AUTH_SOCK, as the manager gives it to what it starts.
async fn variable_of_manager() -> Result<Option<String>, Failure> {
    let environment = answer(&["show-environment"]).await?;
    let mut lines = environment.lines();
    Ok(lines.find_map(|line| line.strip_prefix("SSH_AUTH_SOCK=").map(str::to_owned)))
}

/// What `systemctl --user` prints; its exit code says the same once more.
async fn answer(args: &[&str]) -> Result<String, Failure> {
    let output = call(args).await?;
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// Runs `systemctl --user`, and has it work.
async fn systemctl(args: &[&str]) -> Result<(), Failure> {
    let output = call(args).await?;
    match output.status.success() {
        true => Ok(()),
        false => Err(Failure::failed(format!(
            "`systemctl --user {}` failed: {}",
            args.join(" "),
            String::from_utf8_lossy(&output.stderr).trim()
        ))),
    }
}

async fn call(args: &[&str]) -> Result<std::process::Output, Failure> {
    let output = Command::new("systemctl")
        .arg("--user")
        .args(args)
        .output()
        .await;
    let absent = |why: String| {
        Failure::new(
            "no_manager",
            ExitCode::Failed,
            format!("your systemd cannot be asked: {why}"),
            "start the agent yourself (`pimento agent`), or log in with a session that has a user \
             manager (`systemctl --user status`)",
        )
    };
    let output = output.map_err(|error| absent(format!("systemctl: {error}")))?;
    let said = String::from_utf8_lossy(&output.stderr);
    match said.contains("Failed to connect to") {
        true => Err(absent(said.trim().to_owned())),
        false => Ok(output),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_quoted_as_systemd_reads_it() {
        let quoted = |path: &str| quoted(Path::new(path));
        assert_eq!(quoted("/usr/bin/pimento"), "/usr/bin/pimento");
        assert_eq!(quoted("/home/50%/pimento"), "/home/50%%/pimento");
        assert_eq!(quoted("/home/a b/pimento"), "\"/home/a b/pimento\"");
        assert_eq!(quoted("/a\"b"), "\"/a\\\"b\"");
    }
}
