//! The ways to break a promise.

/// A fault of a mutant. "Some" means one call in a few.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mutation {
    /// A short send counts as a complete one.
    SendLosesRest,
    /// Some sends go nowhere.
    SendGoesNowhere,
    /// Some sends happen twice.
    SendHappensTwice,
    /// Some sends alter a byte.
    SendAltersByte,
    /// No GAP is written.
    GapForgotten,
    GapCountsOneMore,
    GapCountsOneLess,
    /// Some messages are not published.
    PublishLoses,
    PublishDoubles,
    /// Some messages are published after the next one.
    PublishSwaps,
    PublishAltersByte,
    /// NO-ECHO is ignored.
    PublishEchoes,
    /// Some messages are published to another channel.
    PublishMisroutes,
    /// Some encoded batches from other shards are dropped.
    MessagesLost,
    MessagesDoubled,
    /// Another shard's batch is read from its end.
    BatchReversed,
    /// A shard never learns that another has passed a barrier.
    NeverPassed,
    /// A shard that is asked for a barrier at the end of a subscription counts as having passed it, and all barriers after it.
    PassedTooEarly,
    /// SUBSCRIBED does not wait for the other shards.
    AnsweredTooEarly,
    /// SUBSCRIBED leaves after messages of its channel.
    AnsweredTooLate,
    UnsubscribeIgnored,
    /// Some answers are not sent.
    AnswerLost,
    AnswerDoubled,
    /// The shard is never told that a transport is full.
    FullUntold,
    /// The shard is never told that everything has left.
    DrainedUntold,
    /// The shard is never told that a connection has lagged.
    LaggedUntold,
    /// A subscription's own lag rule is ignored; the server's setting counts for all.
    LagOfSubscriptionIgnored,
    /// Connections that do not lag are reported as lagging.
    LaggedForNothing,
    CloseFrameLost,
    /// Messages leave after the close frame.
    CloseFrameTooEarly,
    /// A connection is never forgotten.
    CloseForgotten,
    /// Messages to a connection that is gone reach the next connection.
    CloseHandsOver,
    /// Notices to a connection that is gone are delivered to the next connection in its slot.
    GenerationIgnored,
    /// A shard takes no message while it has something to post: two shards that are full for each other wait for ever.
    MailboxesDeadlock,
    /// The backlog of a subscription that ends is not sent.
    BacklogDroppedOnLeaving,
    UndeliveredUncounted,
    MissedCountedTwice,
    /// Logs hold eight times their bound.
    LogOverBound,
    /// Answers held back are not counted.
    BacklogUncounted,
}
