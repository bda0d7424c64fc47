//! The ways to break a promise.

/// What a mutant does wrong. Where it says "some", it is one call in a few.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mutation {
    /// A short send is taken for a whole one.
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
    /// Some messages are published behind the next one.
    PublishSwaps,
    PublishAltersByte,
    /// NO-ECHO is ignored.
    PublishEchoes,
    /// Some messages are published to another channel.
    PublishMisroutes,
    /// Some runs of messages from other shards are dropped.
    MessagesLost,
    MessagesDoubled,
    /// What another shard posted is taken from its end.
    BatchReversed,
    /// That another shard has passed a barrier is never heard.
    NeverPassed,
    /// A shard that is asked for a barrier when a subscription ends is taken to have passed it, and all behind it.
    PassedTooEarly,
    /// SUBSCRIBED does not wait for the other shards.
    AnsweredTooEarly,
    /// SUBSCRIBED leaves behind messages of its channel.
    AnsweredTooLate,
    UnsubscribeIgnored,
    /// Some answers are not sent.
    AnswerLost,
    AnswerDoubled,
    /// Nobody hears that a transport is full.
    FullUntold,
    /// Nobody hears that everything has left.
    DrainedUntold,
    /// Nobody hears that a connection has lagged.
    LaggedUntold,
    /// What a subscription says of lagging is ignored: the server's setting counts for all.
    LagOfSubscriptionIgnored,
    /// Connections that do not lag are said to.
    LaggedForNothing,
    CloseFrameLost,
    /// Messages leave behind the close frame.
    CloseFrameTooEarly,
    /// A connection is never forgotten.
    CloseForgotten,
    /// What is sent to a connection that has gone reaches the next one.
    CloseHandsOver,
    /// Notices to a connection that has gone are taken for its slot's next.
    GenerationIgnored,
    /// A shard takes no post while it has something to post: two that are full for each other wait for ever.
    MailboxesDeadlock,
    /// The backlog of a subscription that ends is not sent.
    BacklogDroppedOnLeaving,
    UndeliveredUncounted,
    MissedCountedTwice,
    /// Logs hold eight times of what they may.
    LogOverBound,
    /// Answers that are held back are not counted.
    BacklogUncounted,
}
