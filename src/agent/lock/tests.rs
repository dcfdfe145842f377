use super::*;
use crate::clock::manual::ManualClock;

fn lock() -> (Arc<ManualClock>, Arc<Lock>) {
    let clock = Arc::new(ManualClock::new());
    let lock = Arc::new(Lock::new(clock.clone()));
    (clock, lock)
}

#[tokio::test]
async fn the_passphrase_that_locked_unlocks() {
    let (_, lock) = lock();
    assert!(!lock.is_on());
    assert!(lock.lock(b"sesame"));
    assert!(lock.is_on());
    assert!(lock.unlock(b"sesame").await);
    assert!(!lock.is_on());
}

#[tokio::test]
async fn another_passphrase_does_not_and_neither_does_one_when_nothing_is_locked() {
    let (clock, lock) = lock();
    assert!(!lock.unlock(b"").await);
    assert!(lock.lock(b"sesame"));
    assert!(!lock.unlock(b"sesam").await);
    clock.jump(LONGEST_DELAY);
    assert!(!lock.unlock(b"").await);
    assert!(lock.is_on());
}

#[tokio::test]
async fn a_second_lock_is_refused_and_keeps_the_first_passphrase() {
    let (_, lock) = lock();
    assert!(lock.lock(b"first"));
    assert!(!lock.lock(b"second"));
    assert!(!lock.unlock(b"second").await);
    assert!(lock.is_on());
}

#[tokio::test]
async fn each_wrong_passphrase_makes_the_next_wait_longer() {
    let (clock, lock) = lock();
    assert!(lock.lock(b"sesame"));
    assert!(!lock.unlock(b"wrong").await);
    for wrong in 1..=3 {
        let before = clock.now();
        let waiting = tokio::spawn({
            let lock = Arc::clone(&lock);
            async move { lock.unlock(b"wrong").await }
        });
        clock.pass(DELAY * wrong).await;
        assert!(!waiting.await.unwrap());
        assert_eq!(before.until(clock.now()), DELAY * wrong);
    }
}

#[tokio::test]
async fn giving_up_the_wait_does_not_shorten_it_and_the_right_one_ends_it() {
    let (clock, lock) = lock();
    assert!(lock.lock(b"sesame"));
    assert!(!lock.unlock(b"wrong").await);
    let given_up = tokio::time::timeout(Duration::from_millis(1), lock.unlock(b"sesame")).await;
    assert!(given_up.is_err() && lock.is_on());
    let waiting = tokio::spawn({
        let lock = Arc::clone(&lock);
        async move { lock.unlock(b"sesame").await }
    });
    clock.pass(DELAY).await;
    assert!(waiting.await.unwrap());
    // Forgiven: the next lock starts without a delay.
    assert!(lock.lock(b"again"));
    assert!(lock.unlock(b"again").await);
}
