//! Letters from one process to another: here two stores on one file.

use blueprint_model::{
    EventKind, Journal,
    event::CancelReason,
    journal::{Claimed, Letter, Opened, Posted, Rest},
};

use crate::sample::{AT, Inbox, Place, add, answer, first, record, run, wait};

#[test]
fn a_letter_from_elsewhere_arrives_once_and_in_order() {
    let place = Place::new();
    let (here, there) = (place.open(), place.open());
    let inbox = Inbox::default();
    let opened = wait(here.open(&run("a"), &record(), &first(&run("a")), inbox.mailbox()))
        .expect("it is written");
    let Opened::New(lease) = opened else { panic!("it is new") };
    for count in 1..=5 {
        let from = if count % 2 == 0 { &here } else { &there };
        let posted = wait(from.post(&run("a"), &answer(AT))).expect("it is written");
        assert_eq!(posted, Posted::Delivered);
        assert_eq!(inbox.wait_for(count).len(), count);
    }
    let posted = wait(there.post(&run("a"), &Letter::Cancel)).expect("it is written");
    assert_eq!(posted, Posted::Delivered);
    assert_eq!(inbox.wait_for(6)[5], Letter::Cancel);
    wait(here.release(lease, Rest::Abandoned)).expect("it is written");
    assert_eq!(inbox.letters().len(), 6);
}

#[test]
fn a_letter_waits_for_whoever_goes_on() {
    let place = Place::new();
    let (here, there) = (place.open(), place.open());
    let opened =
        wait(here.open(&run("a"), &record(), &first(&run("a")), Inbox::default().mailbox()))
            .expect("it is written");
    assert!(matches!(opened, Opened::New(_)));
    wait(there.post(&run("a"), &Letter::Cancel)).expect("it is written");
    drop(here);
    assert_eq!(wait(there.post(&run("a"), &answer(AT))), Ok(Posted::Kept));
    let inbox = Inbox::default();
    let claimed = wait(there.claim(&run("a"), inbox.mailbox())).expect("it is written");
    let Claimed::Yes(lease) = claimed else { panic!("nobody works on it") };
    assert_eq!(inbox.letters(), [Letter::Cancel, answer(AT)]);
    let asked = EventKind::CancelRequested { reason: CancelReason::Requested };
    wait(add(&there, &lease, 1, vec![asked]));
    drop(there);
    let inbox = Inbox::default();
    let claimed = wait(place.open().claim(&run("a"), inbox.mailbox())).expect("it is written");
    assert!(matches!(claimed, Claimed::Yes(_)));
    assert_eq!(inbox.letters(), [answer(AT)]);
}
