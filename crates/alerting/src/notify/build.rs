//! From a configuration to what tells people.

use std::collections::BTreeMap;
use std::sync::Arc;

use net::{Client, ClientOptions, TlsOptions};
use stdx::Clock;

use super::email::EmailNotifier;
use super::http::{HttpNotifier, Render};
use super::{Integration, Notify};
use crate::config::{Call, CallConfig, Config};
use crate::grouping::Receivers;

/// How a client has to differ from the common one: by its proxy, by not following redirections, by TLS.
type Special = (Option<String>, bool, TlsOptions);

/// Makes integrations of a configuration. Calls with the same settings of HTTP share a client.
pub(crate) fn receivers(config: &Config, common: &Arc<Client>, clock: &Arc<dyn Clock>) -> Receivers {
    let mut builder = Builder { config, common, clock, clients: BTreeMap::new() };
    let receivers = config.receivers.iter();
    receivers
        .map(|(name, one)| (name.clone(), one.calls.iter().map(|call| builder.one(call)).collect()))
        .collect()
}

struct Builder<'a> {
    config: &'a Config,
    common: &'a Arc<Client>,
    clock: &'a Arc<dyn Clock>,
    clients: BTreeMap<Special, Result<Arc<Client>, String>>,
}

impl Builder<'_> {
    fn one(&mut self, call: &CallConfig) -> Integration {
        let render: Box<dyn Render> = match call.call.clone() {
            Call::Email(settings) => {
                let (library, clock) = (self.config.library.clone(), Arc::clone(self.clock));
                return integration(call, Arc::new(EmailNotifier { settings, library, clock }));
            }
            Call::Webhook(settings) => Box::new(settings),
            Call::PagerDuty(settings) => Box::new(settings),
            Call::Slack(settings) => Box::new(settings),
            Call::Opsgenie(settings) => Box::new(settings),
            Call::MsTeams(settings) => Box::new(settings),
            Call::MsTeamsV2(settings) => Box::new(settings),
            Call::Telegram(settings) => Box::new(settings),
            Call::Sns(settings) => Box::new(settings),
            Call::Discord(settings) => Box::new(settings),
            Call::Pushover(settings) => Box::new(settings),
            Call::VictorOps(settings) => Box::new(settings),
            Call::Mattermost(settings) => Box::new(settings),
            Call::Rocketchat(settings) => Box::new(settings),
            Call::Webex(settings) => Box::new(settings),
            Call::IncidentIo(settings) => Box::new(settings),
        };
        let notifier = HttpNotifier {
            render,
            client: self.client(call),
            credentials: call.credentials.clone(),
            timeout: call.timeout,
            library: self.config.library.clone(),
            clock: Arc::clone(self.clock),
        };
        integration(call, Arc::new(notifier))
    }

    fn client(&mut self, call: &CallConfig) -> Result<Arc<Client>, String> {
        if call.proxy.is_none() && call.follow_redirects && call.tls == TlsOptions::default() {
            return Ok(Arc::clone(self.common));
        }
        let special = (call.proxy.clone(), call.follow_redirects, call.tls.clone());
        let made = self.clients.entry(special).or_insert_with(|| {
            let options = ClientOptions {
                proxy: call.proxy.clone(),
                follow_redirects: call.follow_redirects,
                tls: call.tls.clone(),
                ..self.common.options().clone()
            };
            Client::new(options).map(Arc::new).map_err(|e| e.to_string())
        });
        made.clone()
    }
}

fn integration(call: &CallConfig, notify: Arc<dyn Notify>) -> Integration {
    Integration { kind: call.kind, index: call.index, send_resolved: call.send_resolved, notify }
}
