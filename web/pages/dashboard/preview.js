// A panel as it would be, with answers of its own: what is being edited is not yet on the page.
import { html } from '../../lib/html.js';
import { useMemo } from '../../vendor/preact/hooks.js';
import { Panel } from '../../panels/index.js';
import { queryBatch } from '../../lib/client.js';
import { joinPlans, panelRange, planTargets, toFrames } from '../../lib/frames.js';
import { whyEmpty } from '../../lib/why.js';
import { range, rangeText, utc } from '../../shell/clock.js';
import { Failed } from '../../shell/notice.js';
import { useResource } from '../../shell/resource.js';
import { theme } from '../../shell/theme.js';

/** Width to ask at: what the sheet has beside its fields. */
const WIDTH_PX = 600;

/** @param {{model: import('./model.js').Model, panel: import('../../lib/types.d.ts').PanelJson}} props */
export function Preview({ model, panel }) {
  const variables = model.scope(panel);
  const question = JSON.stringify([(panel.targets ?? []).map((target) => target?.expr), rangeText.value, model.texts.value, panel.scopedVars]);
  const { data, error } = useResource(async (signal) => {
    const now = panelRange(panel, range.peek(), variables);
    const plan = planTargets(panel, { ...now, widthPx: WIDTH_PX, variables, scrapeIntervalMs: model.scrapeIntervalMs, ...(utc.peek() ? { utcOffsetMs: 0 } : {}) });
    return { now, results: plan.targets.length > 0 ? await queryBatch(joinPlans([plan]), signal) : [] };
  }, question);
  const frames = useMemo(() => (data ? toFrames(panel, data.results, { variables, ...data.now }) : null), [data, panel]);
  if (!data && error) return html`<${Failed} what="The panel" error=${error} />`;
  const empty = frames?.state.kind === 'empty' && data ? whyEmpty(data.results, utc.value) : null;
  const state = empty ? { kind: 'empty', message: empty } : frames?.state;
  return html`<${Panel} panel=${panel} frames=${frames} state=${state} timeRange=${{ ...(data?.now ?? range.value), utc: utc.value }} theme=${theme.value} variables=${variables} />`;
}
