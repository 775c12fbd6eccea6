//! How far the transfer of each side's routes has come: from the start of a session to
//! End-of-RIB (RFC 4724 §2), from the begin to the end of a refresh (RFC 7313 §4), and what is
//! to become of the routes when the session ends (RFC 4724 §4.2, RFC 8538, RFC 9494).

use crate::bgp::{Family, FamilySet, Message, Notification, OpenFacts};

/// BoRR, the subtype of a ROUTE-REFRESH that begins a refresh (RFC 7313 §3.2).
const BEGIN: u8 = 1;
/// EoRR, the one that ends it.
const END: u8 = 2;
/// Cease and its subcode Hard Reset (RFC 8538 §3).
const HARD_RESET: (u8, u8) = (6, 9);

/// What happened to the routes that one side announces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transfer {
    /// The session is up: all routes of these families are going to be announced.
    Begin {
        /// Families that both sides speak.
        families: FamilySet,
        /// Both sides have the graceful restart capability: an End-of-RIB will follow.
        graceful: bool,
        /// The sender has restarted, and the receiver may still have its routes (R bit).
        restarted: bool,
        /// Families whose forwarding state the sender has kept meanwhile (F bit).
        preserved: FamilySet,
    },
    /// End-of-RIB: all routes of the family have been announced.
    EndOfRib {
        /// The family.
        family: Family,
        /// It was said before.
        again: bool,
        /// Nanoseconds since [`Transfer::Begin`], if that was seen.
        after_ns: Option<u64>,
    },
    /// All routes of the family are going to be announced anew.
    RefreshBegin {
        /// The family.
        family: Family,
        /// Nobody could expect it: both sides must have the capability.
        unexpected: bool,
    },
    /// They have been; what was not is gone.
    RefreshEnd {
        /// The family.
        family: Family,
        /// It had not begun (RFC 7313 §4: to be ignored), or as above.
        unexpected: bool,
    },
    /// The session has ended, but the receiver goes on using the sender's routes.
    Stale {
        /// Families of which it does.
        families: FamilySet,
        /// Seconds that the sender may take to come back.
        restart_time: u16,
        /// Families whose routes may be used for longer after that (RFC 9494).
        long_lived: FamilySet,
    },
}

impl Transfer {
    /// The name in events.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Begin { .. } => "begin",
            Self::EndOfRib { .. } => "end_of_rib",
            Self::RefreshBegin { .. } => "refresh_begin",
            Self::RefreshEnd { .. } => "refresh_end",
            Self::Stale { .. } => "stale",
        }
    }
}

/// How a session came to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// The TCP connection ended, or another took its place, without a word by BGP.
    Silent(&'static str),
    /// A NOTIFICATION with this code and subcode.
    Notification(u8, u8),
}

impl End {
    /// The end that a NOTIFICATION is.
    #[must_use]
    pub const fn by(notification: &Notification<'_>) -> Self {
        Self::Notification(notification.code, notification.subcode)
    }

    /// The reason in STATE events.
    #[must_use]
    pub const fn reason(self) -> &'static str {
        match self {
            Self::Silent(reason) => reason,
            Self::Notification(..) => "notification",
        }
    }
}

/// The transfer of one direction.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Progress {
    /// When it began; 0 if that was not seen.
    began_ns: u64,
    complete: FamilySet,
    refreshing: FamilySet,
}

impl Progress {
    /// The session is up.
    pub(super) fn begin(&mut self, sender: &OpenFacts, receiver: &OpenFacts, ns: u64) -> Transfer {
        *self = Self {
            began_ns: ns,
            ..Self::default()
        };
        let restart = sender.graceful_restart;
        Transfer::Begin {
            families: sender.families.intersection(receiver.families),
            graceful: restart.is_some() && receiver.graceful_restart.is_some(),
            restarted: restart.is_some_and(|restart| restart.restarted),
            preserved: restart.map_or(FamilySet::EMPTY, |restart| restart.preserved),
        }
    }

    /// What a message says about it. `enhanced`: both sides have demarcated refresh, or it is not
    /// known that they have not.
    pub(super) fn take(
        &mut self,
        message: &Message<'_>,
        enhanced: bool,
        ns: u64,
    ) -> Option<Transfer> {
        match message {
            Message::Update(update) => {
                let family = update.eor()?;
                let again = self.complete.contains(family);
                self.complete = self.complete.with(family);
                let after_ns = (self.began_ns > 0).then(|| ns.saturating_sub(self.began_ns));
                Some(Transfer::EndOfRib {
                    family,
                    again,
                    after_ns,
                })
            }
            Message::RouteRefresh(refresh) if refresh.subtype == BEGIN => {
                let family = refresh.family;
                self.refreshing = self.refreshing.with(family);
                Some(Transfer::RefreshBegin {
                    family,
                    unexpected: !enhanced,
                })
            }
            Message::RouteRefresh(refresh) if refresh.subtype == END => {
                let family = refresh.family;
                let began = self.refreshing.contains(family);
                self.refreshing = self.refreshing.without(family);
                Some(Transfer::RefreshEnd {
                    family,
                    unexpected: !(enhanced && began),
                })
            }
            _ => None,
        }
    }
}

/// What becomes of the sender's routes at the end of the session; `None` if they are gone, or if
/// it is not known what was agreed on.
pub(crate) fn stale(
    end: End,
    sender: Option<&OpenFacts>,
    receiver: Option<&OpenFacts>,
) -> Option<Transfer> {
    let (sender, receiver) = (sender?, receiver?);
    let (restart, helper) = (sender.graceful_restart?, receiver.graceful_restart?);
    // RFC 4724 §4.2: a NOTIFICATION ends it all. RFC 8538 §2, §3: unless both have agreed that it
    // does not, and it is no Hard Reset.
    let graceful = match end {
        End::Silent("idle_timeout" | "evicted") => false,
        End::Silent(_) => true,
        End::Notification(code, subcode) => {
            restart.notifications && helper.notifications && (code, subcode) != HARD_RESET
        }
    };
    let families = restart.families.intersection(receiver.families);
    (graceful && !families.is_empty()).then(|| Transfer::Stale {
        families,
        restart_time: restart.time,
        long_lived: sender.long_lived.intersection(receiver.long_lived),
    })
}
