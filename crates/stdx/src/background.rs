//! Threads that keep house for something, as long as it is there and they are wanted.

use std::io;
use std::sync::{Arc, Condvar, Mutex, PoisonError, Weak};
use std::thread::JoinHandle;
use std::time::Duration;

/// Running threads; dropping this ends them and waits for the round they are in.
#[derive(Debug)]
pub struct Background {
    stop: Arc<Stop>,
    threads: Vec<JoinHandle<()>>,
    on_panic: fn(&str),
}

#[derive(Debug, Default)]
struct Stop {
    is_wanted: Mutex<bool>,
    changed: Condvar,
}

impl Background {
    /// No thread yet. Of each that has panicked, `on_panic` is told the name at the end.
    pub fn new(on_panic: fn(&str)) -> Self {
        Self { stop: Arc::default(), threads: Vec::new(), on_panic }
    }

    /// A thread that calls `act` after a first pause, and then after each pause that `act` asks for, until `owner` or the wish
    /// for it is gone.
    ///
    /// # Errors
    /// When the system has no thread to give.
    pub fn spawn<T: Send + Sync + 'static>(
        &mut self,
        name: &str,
        owner: &Arc<T>,
        pause: Duration,
        act: impl FnMut(&T) -> Duration + Send + 'static,
    ) -> io::Result<()> {
        let (stop, weak) = (Arc::clone(&self.stop), Arc::downgrade(owner));
        let thread = std::thread::Builder::new().name(name.to_owned());
        self.threads.push(thread.spawn(move || run(&stop, &weak, pause, act))?);
        Ok(())
    }
}

impl Drop for Background {
    fn drop(&mut self) {
        *self.stop.is_wanted.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.stop.changed.notify_all();
        // A thread may itself hold the owner last, and then drops it: it must not wait for itself.
        for thread in self.threads.drain(..) {
            let name = thread.thread().name().unwrap_or_default().to_owned();
            if thread.thread().id() != std::thread::current().id() && thread.join().is_err() {
                (self.on_panic)(&name);
            }
        }
    }
}

impl Stop {
    /// Waits; true when the thread shall end.
    fn wait(&self, timeout: Duration) -> bool {
        let wanted = self.is_wanted.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self.changed.wait_timeout_while(wanted, timeout, |is_wanted| !*is_wanted);
        *waited.unwrap_or_else(PoisonError::into_inner).0
    }
}

/// Calls `act` after each pause, until the owner or the wish for it is gone.
fn run<T>(stop: &Stop, owner: &Weak<T>, first: Duration, mut act: impl FnMut(&T) -> Duration) {
    let mut pause = first;
    while !stop.wait(pause) {
        let Some(owner) = owner.upgrade() else { return };
        pause = act(&owner);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    #[test]
    fn threads_act_until_they_are_dropped() {
        let (told, heard) = mpsc::channel();
        let mut background = Background::new(|_| {});
        let owner = Arc::new(7);
        let act = move |owner: &i32| {
            told.send(*owner).ok();
            Duration::from_millis(1)
        };
        background.spawn("test", &owner, Duration::ZERO, act).unwrap();
        assert_eq!(heard.recv_timeout(Duration::from_secs(20)), Ok(7));
        drop(background);
        // The sender went with the thread.
        assert!(heard.iter().all(|heard| heard == 7));
    }
}
