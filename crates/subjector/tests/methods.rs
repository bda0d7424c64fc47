//! The methods that `#[subjector]` generates: the same names, arguments, results, errors and documentation, under a
//! policy that one alias names.

mod common;

use common::run;
use std::collections::HashMap;
use subjector::{Access, Alone, Channel, Indivisible, Mutex, Policy, Portal, Spin, Subjector, subjector};

#[derive(Default)]
struct Accounts {
    balances: HashMap<String, i64>,
}

#[derive(Debug, PartialEq)]
struct Overdrawn {
    missing: i64,
}

#[subjector]
impl Accounts {
    #[subjector(skip)]
    pub(crate) fn by_reference(&self, name: &str) -> Option<&i64> {
        self.balances.get(name)
    }

    fn balance_of(&mut self, name: String) -> &mut i64 {
        self.balances.entry(name).or_default()
    }

    pub(crate) fn largest() -> i64 {
        i64::MAX
    }

    /// Adds to a balance.
    pub(crate) fn deposit(&mut self, name: String, amount: i64) {
        *self.balance_of(name) += amount;
    }

    /// Takes from a balance, if it is sufficient.
    pub(crate) fn withdraw(&mut self, name: String, amount: i64) -> Result<i64, Overdrawn> {
        let balance = self.balance_of(name);
        if *balance < amount {
            return Err(Overdrawn { missing: amount - *balance });
        }
        *balance -= amount;
        Ok(*balance)
    }

    pub(crate) fn balance(&self, name: &'static str) -> i64 {
        self.by_reference(name).copied().unwrap_or_default()
    }

    pub(crate) fn merge(&mut self, other: Self) -> Option<Box<Self>> {
        let former = std::mem::replace(self, other);
        (!former.balances.is_empty()).then(|| Box::new(former))
    }

    pub(crate) async fn transfer(access: Access<'_, Self>, from: String, to: String, amount: i64) -> bool {
        let taken = access.with(move |accounts| accounts.withdraw(from, amount).is_ok()).await;
        if taken {
            access.with(move |accounts| accounts.deposit(to, amount)).await;
        }
        taken
    }

    /// Waits with the books closed.
    pub(crate) async fn audit(&mut self, auditor: flume::Receiver<i64>) -> i64 {
        let correction = auditor.recv_async().await.unwrap_or_default();
        self.balances.values_mut().for_each(|balance| *balance += correction);
        self.balances.values().sum()
    }
}

/// A caller, which does not know the policy.
async fn business<P: Policy>(accounts: &Subjector<Accounts, P>) {
    accounts.deposit("a".into(), 10).await;
    assert_eq!(accounts.withdraw("a".into(), 4).await, Ok(6));
    assert_eq!(accounts.withdraw("a".into(), 7).await, Err(Overdrawn { missing: 1 }));
    assert!(accounts.transfer("a".into(), "b".into(), 5).await);
    assert!(!accounts.transfer("a".into(), "b".into(), 5).await);
    accounts.cast_deposit("a".into(), 1).expect("the cast is taken");
    assert_eq!(accounts.balance("a").await, 2);
    assert_eq!(accounts.balance("b").await, 5);
    accounts.cast_transfer("b".into(), "a".into(), 5).expect("the cast is taken");
    let moved = async {
        while accounts.balance("a").await < 7 {
            futures_lite::future::yield_now().await;
        }
    };
    common::in_time(moved).await;
    assert_eq!(Accounts::largest(), i64::MAX);
}

async fn audited<P: Indivisible>(accounts: &Subjector<Accounts, P>) {
    let (audit, auditor) = flume::bounded(1);
    audit.send(0).expect("the test listens");
    assert_eq!(accounts.audit(auditor).await, 7);
    let (audit, auditor) = flume::bounded(1);
    accounts.cast_audit(auditor).expect("the cast is taken");
    audit.send(1).expect("the test listens");
    let former = accounts.merge(Accounts::default()).await.expect("there were balances");
    assert_eq!(former.balances.values().sum::<i64>(), 9);
    assert!(accounts.merge(Accounts::default()).await.is_none());
}

#[test]
fn one_alias_chooses_the_policy() {
    macro_rules! under {
        ($($policy:ty),+) => {$({
            type Books = Subjector<Accounts, $policy>;
            run(async |_| business(&Books::new(Accounts::default())).await);
        })+};
    }
    under!(Spin, Mutex, Portal, Alone, Channel);
}

#[test]
fn an_indivisible_policy_gives_methods_that_borrow_across_awaits() {
    macro_rules! under {
        ($($policy:ty),+) => {$({
            run(async |_| {
                let accounts = Subjector::<_, $policy>::new(Accounts::default());
                business(&accounts).await;
                audited(&accounts).await;
            });
        })+};
    }
    under!(Mutex, Channel);
}

struct Stack<T>(Vec<T>);

#[subjector(trait = StackMethods)]
impl<T: Clone + Send + 'static> Stack<T>
where
    T: PartialEq,
{
    pub(crate) fn push(&mut self, item: T) {
        self.0.push(item);
    }

    pub(crate) fn pop(&mut self) -> Option<T> {
        self.0.pop()
    }
}

#[test]
fn a_generic_type_has_its_calls_under_the_name_that_was_asked_for() {
    fn takes_the_trait<P: Policy>(_: &impl StackMethods<&'static str, P>) {}
    run(async |_| {
        let stack = Subjector::with(Stack(Vec::new()), Mutex);
        takes_the_trait(&stack);
        stack.push("one").await;
        assert_eq!(stack.pop().await, Some("one"));
        assert_eq!(stack.pop().await, None);
    });
}
