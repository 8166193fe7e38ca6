//! A certificate authority for one server, made with the `openssl` program.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::error::{RigError, Tried};
use crate::run::{self, User};

/// Files in PEM.
pub(crate) struct Certificates {
    /// What a client must trust; anybody may read it.
    pub(crate) authority: PathBuf,
    /// The server's, for `localhost` and 127.0.0.1.
    pub(crate) certificate: PathBuf,
    /// The server's alone.
    pub(crate) key: PathBuf,
}

const SETTINGS: &str = "\
[req]
distinguished_name = name
prompt = no
[name]
CN = a server of tests
[authority]
basicConstraints = critical, CA:TRUE
keyUsage = critical, keyCertSign, cRLSign
subjectKeyIdentifier = hash
[server]
basicConstraints = critical, CA:FALSE
keyUsage = critical, digitalSignature
extendedKeyUsage = serverAuth
subjectAltName = DNS:localhost, IP:127.0.0.1
";

impl Certificates {
    /// Makes them in a folder, for a server that runs as the user.
    pub(crate) fn make(folder: &Path, user: Option<&User>) -> Result<Certificates, RigError> {
        let file = |name: &str| folder.join(name);
        let settings = file("openssl.conf");
        std::fs::write(&settings, SETTINGS).tried(|| format!("write {}", settings.display()))?;

        let mut authority = openssl("req")?;
        authority.args(["-x509", "-subj", "/CN=an authority of tests"]);
        authority.args(["-extensions", "authority"]);
        new_key(&mut authority, &settings, &file("authority.key"));
        authority.arg("-out").arg(file("authority.pem"));
        run::output("making an authority with openssl", authority)?;

        let mut request = openssl("req")?;
        request.arg("-new");
        new_key(&mut request, &settings, &file("server.key"));
        request.arg("-out").arg(file("server.request"));
        run::output("asking for a certificate with openssl", request)?;

        let mut sign = openssl("x509")?;
        sign.args(["-req", "-days", "30", "-set_serial", "2"]);
        sign.arg("-CA").arg(file("authority.pem"));
        sign.arg("-CAkey").arg(file("authority.key"));
        sign.args(["-extensions", "server", "-extfile"])
            .arg(&settings);
        sign.arg("-in").arg(file("server.request"));
        sign.arg("-out").arg(file("server.pem"));
        run::output("signing a certificate with openssl", sign)?;

        let key = file("server.key");
        std::fs::set_permissions(&key, Permissions::from_mode(0o400))
            .tried(|| format!("close {} to others", key.display()))?;
        User::own(user, &key)?;
        Ok(Certificates {
            authority: file("authority.pem"),
            certificate: file("server.pem"),
            key,
        })
    }
}

fn openssl(what: &str) -> Result<Command, RigError> {
    let mut command = run::command(None, run::find("openssl", &[], "openssl")?);
    command.arg(what);
    Ok(command)
}

fn new_key(command: &mut Command, settings: &Path, key: &Path) {
    command.arg("-config").arg(settings);
    command.args([
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:P-256",
        "-nodes",
    ]);
    command.args(["-days", "30", "-keyout"]).arg(key);
}
