//! Threads that keep house for something, as long as it is there and they are wanted.

use std::io;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak};
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
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    is_wanted: bool,
    /// How many threads have not ended yet.
    acting: usize,
    /// Names of those that ended by a panic.
    panicked: Vec<String>,
}

/// A thread at work; dropped as the last of what it does.
struct Acting {
    stop: Arc<Stop>,
    name: String,
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
        let weak = Arc::downgrade(owner);
        let acting = Acting::begin(&self.stop, name);
        let thread = std::thread::Builder::new().name(name.to_owned());
        self.threads.push(thread.spawn(move || run(&acting.stop, &weak, pause, act))?);
        Ok(())
    }
}

impl Drop for Background {
    /// Waits until all threads have done their last, not until the system has taken them back: what each gives back of its memory
    /// takes milliseconds, and concerns nobody.
    fn drop(&mut self) {
        let mut state = self.stop.lock();
        state.is_wanted = true;
        self.stop.changed.notify_all();
        // A thread may itself hold the owner last, and then drops it: it must not wait for itself.
        let own = self.threads.iter().any(|thread| thread.thread().id() == std::thread::current().id());
        let is_acting = |state: &mut State| state.acting > usize::from(own);
        let mut state =
            self.stop.changed.wait_while(state, is_acting).unwrap_or_else(PoisonError::into_inner);
        state.panicked.drain(..).for_each(|name| (self.on_panic)(&name));
    }
}

impl Stop {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits; true when the thread shall end.
    fn wait(&self, timeout: Duration) -> bool {
        let waited = self.changed.wait_timeout_while(self.lock(), timeout, |state| !state.is_wanted);
        waited.unwrap_or_else(PoisonError::into_inner).0.is_wanted
    }
}

impl Acting {
    fn begin(stop: &Arc<Stop>, name: &str) -> Self {
        stop.lock().acting += 1;
        Self { stop: Arc::clone(stop), name: name.to_owned() }
    }
}

impl Drop for Acting {
    fn drop(&mut self) {
        let mut state = self.stop.lock();
        state.acting -= 1;
        if std::thread::panicking() {
            state.panicked.push(std::mem::take(&mut self.name));
        }
        self.stop.changed.notify_all();
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

    #[test]
    fn a_thread_that_panicked_is_named_at_the_end() {
        static NAMES: Mutex<Vec<String>> = Mutex::new(Vec::new());
        let mut background = Background::new(|name| NAMES.lock().unwrap().push(name.to_owned()));
        let owner = Arc::new(());
        background.spawn("sound", &owner, Duration::ZERO, |()| Duration::ZERO).unwrap();
        background.spawn("broken", &owner, Duration::ZERO, |()| panic!("on purpose")).unwrap();
        let stop = Arc::clone(&background.stop);
        let waited = stop.changed.wait_timeout_while(stop.lock(), Duration::from_secs(20), |s| s.acting > 1);
        assert!(!waited.unwrap().1.timed_out());
        drop(background);
        assert_eq!(*NAMES.lock().unwrap(), ["broken"]);
    }

    #[test]
    fn a_thread_that_has_the_owner_last_ends_what_it_is_part_of() {
        struct Owner(Mutex<Option<Background>>, mpsc::Sender<()>);
        impl Drop for Owner {
            fn drop(&mut self) {
                drop(self.0.lock().unwrap().take());
                self.1.send(()).unwrap();
            }
        }
        let (told, heard) = mpsc::channel();
        let (give, take) = mpsc::channel::<Arc<Owner>>();
        let owner = Arc::new(Owner(Mutex::new(Some(Background::new(|_| {}))), told));
        let act = move |_: &Owner| {
            drop(take.recv().unwrap());
            Duration::ZERO
        };
        owner.0.lock().unwrap().as_mut().unwrap().spawn("last", &owner, Duration::ZERO, act).unwrap();
        give.send(owner).unwrap();
        heard.recv_timeout(Duration::from_secs(20)).unwrap();
    }
}
