// Shapes of the pages about alerts. Wire shapes are named as the API names them.
import type { Ack, Labels } from './types.d.ts';

/** What became of an alert on its way to one receiver. */
export interface WayStory { receiver: string; route: string; group: string; state: string; text: string; heldBy: string | null }

/** An alert's story: `GET /api/ui/why`. */
export interface Story {
  alert: string;
  labels: Labels;
  state: 'firing' | 'ended' | 'unknown';
  summary: string;
  since: string | null;
  endedAt: string | null;
  ack: Ack | null;
  ways: WayStory[];
  passed: { route: string; receiver: string; because: string }[];
  passedMore: number;
  events: { at: string; kind: string; text: string }[];
}

/** Stories of the alerts of one name. */
export interface Why { name: string; at: string; isNow: boolean; knownSince: string | null; series: Story[] }

/** An outage: one of `GET /api/ui/alert-history`. */
export interface Episode {
  alert: string;
  labels: Labels;
  firedAt: string;
  endedAt: string | null;
  told: string[];
  untold: string[];
  messages: number;
  failures: number;
  held: string[];
  acknowledgedBy: string | null;
}

export interface AlertHistory { since: string | null; dropped: number; episodes: Episode[] }

/** A node of the routing tree: `GET /api/ui/routes`. */
export interface RouteNode {
  matchers: string[];
  receiver: string;
  integrations: string[];
  groupBy: string[];
  groupWaitMs: number;
  groupIntervalMs: number;
  repeatIntervalMs: number;
  continues: boolean;
  mute: string[];
  active: string[];
  alerts: number;
  routes: RouteNode[];
}

/** What came of one call in a test of a receiver. */
export interface TestedCall { integration: string; status: string; taken: boolean; code: number | null; answer: string; attempts: number; tookMs: number }

/** Of Alertmanager's API. */
export interface SilenceMatcher { name: string; value: string; isRegex: boolean; isEqual?: boolean }

export interface Silence {
  id: string;
  status: { state: 'active' | 'pending' | 'expired' };
  matchers: SilenceMatcher[];
  startsAt: string;
  endsAt: string;
  updatedAt: string;
  createdBy: string;
  comment: string;
}

/** An alert as `/api/v2/alerts` gives it. */
export interface KnownAlert { labels: Labels; annotations: Labels; startsAt: string; fingerprint: string; status: { state: string; silencedBy: string[]; inhibitedBy: string[] } }

/** A message that a receiver got: one of `GET /api/ui/inbox`. */
export interface InboxMessage { received_at: string; kind: string; body: any }

export interface InboxAnswer { configured: boolean; dropped: number; messages: InboxMessage[] }
