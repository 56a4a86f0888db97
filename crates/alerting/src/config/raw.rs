//! The file as it is written, before it is checked. Each type lists the fields that are carried, and those that are only
//! known by name so that they can be refused with their place.

use std::collections::BTreeMap;

use config::{Duration, Position, Spanned, Unread};
use serde::Deserialize;

use super::global::Global;
use super::receivers;

/// A type of the file: fields that are carried, then names of those that are not yet.
macro_rules! file_type {
    ($(#[$doc:meta])* $name:ident { $($(#[$attr:meta])* $field:ident: $type:ty,)* } refuses { $($refused:ident),* $(,)? }) => {
        $(#[$doc])*
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        pub(super) struct $name {
            $(#[serde(default)] $(#[$attr])* pub(super) $field: $type,)*
            $(#[serde(default)] $refused: Option<Spanned<Unread>>,)*
        }

        impl $name {
            /// Fields given that are not carried yet.
            pub(super) fn unsupported(&self) -> Vec<(&'static str, Position)> {
                let all: &[(&'static str, Option<Position>)] =
                    &[$((stringify!($refused), self.$refused.as_ref().map(|given| given.at)),)*];
                all.iter().filter_map(|(name, at)| Some((*name, (*at)?))).collect()
            }
        }
    };
}

file_type! {
    /// The whole file.
    File {
        global: Global,
        route: Option<Spanned<Route>>,
        receivers: Vec<Receiver>,
        templates: Vec<String>,
        inhibit_rules: Vec<Spanned<InhibitRule>>,
        time_intervals: Vec<Spanned<NamedIntervals>>,
        mute_time_intervals: Vec<Spanned<NamedIntervals>>,
        tracing: Option<Spanned<Unread>>,
    } refuses {
        event_recorder,
    }
}

file_type! {
    /// A node of the routing tree.
    Route {
        receiver: Option<Spanned<String>>,
        group_by: Option<Vec<Spanned<String>>>,
        group_wait: Option<Spanned<Duration>>,
        group_interval: Option<Spanned<Duration>>,
        repeat_interval: Option<Spanned<Duration>>,
        #[serde(rename = "match")]
        equal: BTreeMap<String, Spanned<String>>,
        #[serde(rename = "match_re")]
        regex: BTreeMap<String, Spanned<String>>,
        matchers: Vec<Spanned<String>>,
        #[serde(rename = "continue")]
        continues: bool,
        mute_time_intervals: Vec<Spanned<String>>,
        active_time_intervals: Vec<Spanned<String>>,
        routes: Vec<Spanned<Route>>,
        labels: BTreeMap<String, String>,
    } refuses {}
}

impl Route {
    pub(super) fn has_matchers(&self) -> bool {
        !(self.equal.is_empty() && self.regex.is_empty() && self.matchers.is_empty())
    }
}

file_type! {
    /// Somebody who is told.
    Receiver {
        name: Option<Spanned<String>>,
        labels: BTreeMap<String, String>,
        discord_configs: Vec<Spanned<receivers::Discord>>,
        email_configs: Vec<Spanned<receivers::Email>>,
        incidentio_configs: Vec<Spanned<receivers::IncidentIo>>,
        mattermost_configs: Vec<Spanned<receivers::Mattermost>>,
        msteams_configs: Vec<Spanned<receivers::MsTeams>>,
        msteamsv2_configs: Vec<Spanned<receivers::MsTeamsV2>>,
        opsgenie_configs: Vec<Spanned<receivers::Opsgenie>>,
        pagerduty_configs: Vec<Spanned<receivers::PagerDuty>>,
        pushover_configs: Vec<Spanned<receivers::Pushover>>,
        rocketchat_configs: Vec<Spanned<receivers::Rocketchat>>,
        slack_configs: Vec<Spanned<receivers::Slack>>,
        sns_configs: Vec<Spanned<receivers::Sns>>,
        telegram_configs: Vec<Spanned<receivers::Telegram>>,
        victorops_configs: Vec<Spanned<receivers::VictorOps>>,
        webex_configs: Vec<Spanned<receivers::Webex>>,
        webhook_configs: Vec<Spanned<receivers::Webhook>>,
    } refuses {
        jira_configs, wechat_configs,
    }
}

file_type! {
    /// Alerts that keep others from being told.
    InhibitRule {
        source_match: BTreeMap<String, Spanned<String>>,
        source_match_re: BTreeMap<String, Spanned<String>>,
        source_matchers: Vec<Spanned<String>>,
        target_match: BTreeMap<String, Spanned<String>>,
        target_match_re: BTreeMap<String, Spanned<String>>,
        target_matchers: Vec<Spanned<String>>,
        equal: Vec<String>,
        #[expect(dead_code, reason = "a name for people; taken and shown nowhere yet")]
        name: Option<String>,
    } refuses {
        sources,
    }
}

file_type! {
    /// Hours that have a name.
    NamedIntervals {
        name: Option<Spanned<String>>,
        time_intervals: Vec<Spanned<Interval>>,
    } refuses {}
}

file_type! {
    /// Hours.
    Interval {
        times: Vec<Spanned<Times>>,
        weekdays: Vec<Spanned<String>>,
        days_of_month: Vec<Spanned<String>>,
        months: Vec<Spanned<String>>,
        years: Vec<Spanned<String>>,
        location: Option<Spanned<String>>,
    } refuses {}
}

file_type! {
    /// From when to when on a day.
    Times {
        start_time: String,
        end_time: String,
    } refuses {}
}
