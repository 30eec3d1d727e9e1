//! Where the host connects: a Unix socket that only its user (or a named group) may open, TCP on the loopback on Windows.
//!
//! Owns the socket's file and its permissions, and turns accepted streams into connections. It must not know what is served.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_rustls::TlsAcceptor;
use tokio_stream::wrappers::ReceiverStream;
use tonic::transport::server::Connected;

use super::lifetime::{Lifetime, OpenConnection};

#[cfg(not(unix))]
use self::tcp as transport;
#[cfg(unix)]
use self::unix as transport;

/// A client that doesn't finish its TLS handshake in this time is dropped.
const TLS_HANDSHAKE: Duration = Duration::from_secs(10);

/// An address as the handshake names it.
pub struct Address {
    pub network: &'static str,
    pub location: String,
}

pub struct Listener {
    address: Address,
    listener: transport::StdListener,
    socket: transport::Socket,
}

impl Listener {
    /// Binds where the host wants it (PLUGIN_UNIX_SOCKET_DIR and _GROUP, on Windows PLUGIN_MIN_PORT and _MAX_PORT). Call it
    /// before other threads run: it sets the process's umask for a moment.
    ///
    /// # Errors
    /// For people: what failed, and what to change.
    pub fn bind(variable: impl Fn(&str) -> Option<String>) -> Result<Listener, String> {
        transport::bind(|name| variable(name).filter(|value| !value.is_empty()))
    }

    pub fn address(&self) -> &Address {
        &self.address
    }

    /// Accepts until the lifetime ends. The socket's file goes when the second value is dropped.
    ///
    /// # Errors
    /// The socket can't be watched.
    pub fn accept(self, tls: Option<TlsAcceptor>, lifetime: Arc<Lifetime>) -> io::Result<(Incoming, transport::Socket)> {
        let listener = transport::watch(self.listener)?;
        let (sender, receiver) = tokio::sync::mpsc::channel(8);
        tokio::spawn(async move {
            loop {
                let stream = tokio::select! {
                    () = lifetime.clone().ended() => break,
                    accepted = listener.accept() => match accepted {
                        Ok((stream, _)) => stream,
                        Err(error) => {
                            // Out of file descriptors, most likely: that passes, and must not turn into a busy loop.
                            tracing::warn!(%error, "can't accept a connection");
                            tokio::time::sleep(Duration::from_millis(50)).await;
                            continue;
                        }
                    },
                };
                let (tls, lifetime, sender) = (tls.clone(), lifetime.clone(), sender.clone());
                // Each handshake by itself, so that a silent client doesn't keep the host waiting.
                tokio::spawn(async move {
                    match secure(stream, tls).await {
                        // If the receiver is gone, the server has ended.
                        Ok(stream) => drop(sender.send(Ok(Connection { stream, _open: lifetime.connection() })).await),
                        Err(error) => tracing::warn!(%error, "a client without the host's certificate was refused"),
                    }
                });
            }
        });
        Ok((ReceiverStream::new(receiver), self.socket))
    }
}

async fn secure(stream: transport::Stream, tls: Option<TlsAcceptor>) -> io::Result<Box<dyn Stream>> {
    let Some(tls) = tls else { return Ok(Box::new(stream)) };
    let secured = tokio::time::timeout(TLS_HANDSHAKE, tls.accept(stream)).await;
    Ok(Box::new(secured.map_err(|_| io::Error::new(io::ErrorKind::TimedOut, "no TLS handshake within 10 s"))??))
}

/// Accepted clients.
pub type Incoming = ReceiverStream<io::Result<Connection>>;

trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

/// One accepted client.
pub struct Connection {
    stream: Box<dyn Stream>,
    _open: OpenConnection,
}

impl Connected for Connection {
    type ConnectInfo = ();
    fn connect_info(&self) {}
}

impl AsyncRead for Connection {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl AsyncWrite for Connection {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_write_vectored(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[io::IoSlice<'_>]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(context, bytes)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

/// The path as the handshake names it: on one line, between bars.
#[cfg(any(unix, test, fuzzing))]
pub(super) fn location(path: &std::path::Path) -> Result<String, String> {
    let text = path.to_str().ok_or_else(|| format!("the path {} is not UTF-8", path.display()))?;
    if text.contains(['|', '\n', '\r']) {
        return Err(format!(
            "the path {text:?} can't be passed to the host: it contains a bar or a line break. Set TMPDIR to another folder."
        ));
    }
    Ok(text.to_owned())
}

/// The ports to choose from, where the host connects over TCP; any where it names none.
#[cfg(any(not(unix), test, fuzzing))]
pub(super) fn ports(variable: impl Fn(&str) -> Option<String>) -> Result<(u16, u16), String> {
    let port = |name: &str| match variable(name) {
        None => Ok(0),
        Some(text) => text.parse().map_err(|e| format!("{name} is {text:.20?}, not a port: {e}")),
    };
    Ok((port("PLUGIN_MIN_PORT")?, port("PLUGIN_MAX_PORT")?))
}

#[cfg(unix)]
mod unix {
    use std::fs;
    use std::io;
    use std::os::unix::fs::{PermissionsExt, chown};
    use std::path::{Path, PathBuf};

    use nix::sys::stat::{Mode, umask};
    use nix::unistd::Group;

    use super::{Address, Listener};

    pub type StdListener = std::os::unix::net::UnixListener;
    pub type Stream = tokio::net::UnixStream;

    /// The socket's file, removed at the end.
    pub struct Socket(PathBuf);

    impl Drop for Socket {
        fn drop(&mut self) {
            // The host may have removed its whole folder already.
            let _ = fs::remove_file(&self.0);
        }
    }

    pub fn watch(listener: StdListener) -> io::Result<tokio::net::UnixListener> {
        listener.set_nonblocking(true)?;
        tokio::net::UnixListener::from_std(listener)
    }

    pub fn bind(variable: impl Fn(&str) -> Option<String>) -> Result<Listener, String> {
        let folder = variable("PLUGIN_UNIX_SOCKET_DIR").map_or_else(std::env::temp_dir, PathBuf::from);
        let (listener, socket) = bind_in(&folder).map_err(|e| {
            format!(
                "can't create a socket in {}: {e}. Set TMPDIR to a folder that exists, is writable and has a short path.",
                folder.display()
            )
        })?;
        if let Some(group) = variable("PLUGIN_UNIX_SOCKET_GROUP") {
            open_to(&group, &socket.0).map_err(|e| format!("can't give the group {group} access to the socket: {e}"))?;
        }
        let location = super::location(&socket.0)?;
        Ok(Listener { address: Address { network: "unix", location }, listener, socket })
    }

    /// The umask gives the file mode 0600 from its first moment on; a chmod would come too late.
    fn bind_in(folder: &Path) -> io::Result<(StdListener, Socket)> {
        let before = umask(Mode::from_bits_truncate(0o177));
        // A name in use is the leftover of a killed process with this id, or belongs to another container.
        let bound = (0..100)
            .map(|n| folder.join(format!("plugin{}-{n}", std::process::id())))
            .map(|path| StdListener::bind(&path).map(|listener| (listener, Socket(path))))
            .find(|bound| !matches!(bound, Err(e) if e.kind() == io::ErrorKind::AddrInUse));
        umask(before);
        bound.unwrap_or_else(|| Err(io::Error::new(io::ErrorKind::AddrInUse, "a hundred names are already in use")))
    }

    fn open_to(group: &str, path: &Path) -> io::Result<()> {
        let id = match group.parse() {
            Ok(id) => id,
            Err(_) => {
                Group::from_name(group)?.ok_or_else(|| io::Error::new(io::ErrorKind::NotFound, "the group does not exist"))?.gid.as_raw()
            }
        };
        chown(path, None, Some(id))?;
        fs::set_permissions(path, fs::Permissions::from_mode(0o660))
    }
}

#[cfg(not(unix))]
mod tcp {
    use std::io;
    use std::net::Ipv4Addr;

    use super::{Address, Listener};

    pub type StdListener = std::net::TcpListener;
    pub type Stream = tokio::net::TcpStream;

    /// A port leaves nothing behind.
    pub struct Socket;

    pub fn watch(listener: StdListener) -> io::Result<NoDelay> {
        listener.set_nonblocking(true)?;
        tokio::net::TcpListener::from_std(listener).map(NoDelay)
    }

    /// Without it, small messages wait 40 ms for the acknowledgement of the one before.
    pub struct NoDelay(tokio::net::TcpListener);

    impl NoDelay {
        pub async fn accept(&self) -> io::Result<(Stream, std::net::SocketAddr)> {
            let (stream, peer) = self.0.accept().await?;
            stream.set_nodelay(true)?;
            Ok((stream, peer))
        }
    }

    pub fn bind(variable: impl Fn(&str) -> Option<String>) -> Result<Listener, String> {
        let (least, most) = super::ports(variable)?;
        let listener = (least..=most)
            .find_map(|port| StdListener::bind((Ipv4Addr::LOCALHOST, port)).ok())
            .ok_or_else(|| format!("no port from {least} (PLUGIN_MIN_PORT) to {most} (PLUGIN_MAX_PORT) is free"))?;
        let location = listener.local_addr().map_err(|e| format!("the socket has no address: {e}"))?.to_string();
        Ok(Listener { address: Address { network: "tcp", location }, listener, socket: Socket })
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use std::os::unix::fs::{MetadataExt, PermissionsExt};

    /// One at a time: the umask is the process's, so that a folder made meanwhile would be closed even to us.
    static UMASK: std::sync::Mutex<()> = std::sync::Mutex::new(());

    fn bind(name: &str, group: &str) -> (Result<Listener, String>, std::path::PathBuf) {
        let _one_at_a_time = UMASK.lock().unwrap();
        let folder = std::env::temp_dir().join(format!("xeks-listener-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let bound = Listener::bind(|variable| match variable {
            "PLUGIN_UNIX_SOCKET_DIR" => Some(folder.display().to_string()),
            "PLUGIN_UNIX_SOCKET_GROUP" => Some(group.to_owned()),
            _ => None,
        });
        (bound, folder)
    }

    #[test]
    fn the_socket_is_its_users_alone_and_goes_with_the_listener() {
        let (bound, folder) = bind("user", "");
        let listener = bound.unwrap();
        let path = listener.address().location.clone();
        assert!(path.starts_with(folder.to_str().unwrap()));
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        drop(listener);
        assert!(!std::path::Path::new(&path).exists());
        std::fs::remove_dir(folder).unwrap();
    }

    #[test]
    fn a_group_gets_access_by_number() {
        let own = nix::unistd::getgid().as_raw();
        let (bound, folder) = bind("group", &own.to_string());
        let metadata = std::fs::metadata(&bound.as_ref().unwrap().address().location).unwrap();
        assert_eq!((metadata.permissions().mode() & 0o777, metadata.gid()), (0o660, own));
        drop(bound);
        std::fs::remove_dir(folder).unwrap();
    }

    #[test]
    fn a_group_that_does_not_exist_is_an_error_that_leaves_no_socket() {
        let (bound, folder) = bind("nobody", "no-such-group");
        assert_eq!(bound.err().unwrap(), "can't give the group no-such-group access to the socket: the group does not exist");
        std::fs::remove_dir(folder).expect("the folder is empty");
    }

    #[test]
    fn a_folder_that_is_missing_is_an_error_that_names_it() {
        let _one_at_a_time = UMASK.lock().unwrap();
        let bound = Listener::bind(|name| (name == "PLUGIN_UNIX_SOCKET_DIR").then(|| "/nowhere/at/all".to_owned()));
        let text = bound.err().unwrap();
        assert!(text.contains("/nowhere/at/all") && text.contains("TMPDIR"), "{text}");
    }
}
