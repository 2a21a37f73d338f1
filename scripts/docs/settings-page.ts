/** docs/settings.md: every setting, from its definition in src/config. */
import { variablesOf } from '../../src/config/catalogue.ts';
import { COMMON, familyVariables, productionHosts, SITE, type Site } from '../../src/config/families.ts';
import { operationsOf } from '../../src/config/operations.ts';
import type { Setting, Settings } from '../../src/config/setting.ts';
import {
  ALLOW_LOOPBACK,
  CXONE,
  LEDGER,
  LOAD,
  SOURCE_LIMITS,
  SOURCES,
  TEMPORAL,
  WEBHOOK_HOSTS,
  webhookSettings,
} from '../../src/config/settings.ts';
import { FAMILIES, FAMILY_NAMES, type Family } from '../../src/cxone/families.wire.ts';
import { formatCount } from '../../src/domain/numbers.ts';
import { code, table } from './markdown.ts';

export function renderSettingsPage(): string {
  return `${[
    INTRODUCTION,
    '## Ledger',
    settingsTable(LEDGER),
    '## Temporal',
    settingsTable(TEMPORAL),
    TEMPORAL_NOTE,
    '## CXone',
    settingsTable({ ...COMMON, ...SITE, ...CXONE }),
    '## Families of the CXone API',
    FAMILIES_NOTE,
    settingsTable(familyVariables(null)),
    familiesTable(),
    SCOPES_NOTE,
    scopesTable(),
    '## Rate and load',
    settingsTable(LOAD),
    '## Sources',
    settingsTable({ ...SOURCES, ...SOURCE_LIMITS }),
    '## Webhooks',
    settingsTable({
      ...webhookSettings({ allowLoopback: false, hosts: null }),
      WEBHOOK_HOSTS,
      ALLOW_LOOPBACK,
    }),
    '## Files of settings',
    FILES,
    '## Command line',
    COMMAND_LINE,
  ].join('\n\n')}\n`;
}

const INTRODUCTION = `# Settings

<!-- Generated from src/config by \`npm run docs\`. Change the definitions there. -->

cxflow is configured through environment variables. A process checks all of them when it starts and reports every
problem at once; \`cxflow doctor\` also tries them out. An empty variable counts as unset. Where \`NAME_FILE\` is given as
well, it may name a file that contains the value. Why settings work this way: [ADR 0019](adr/0019-settings.md).

A worker in production needs \`DATABASE_URL\`, \`TEMPORAL_ADDRESS\`, \`CXONE_TENANT\`, \`CXONE_REGION\`, \`CXONE_CLIENT_ID\`
and \`CXONE_CLIENT_SECRET\`, and [for some operations](#families-of-the-cxone-api) another setting that names an address. Commands
need the first two. In a folder where \`cxflow dev\` runs, commands need none: they use its database and its Temporal server.`;

const FILES = `Settings can also be in files, with one \`NAME=value\` in each line, in the syntax of \`node --env-file\`. No file is read unless
it is named:

\`\`\`sh
cxflow --env-file /etc/cxflow/env worker            # any command; the option may be repeated and may stand anywhere
node --env-file=/etc/cxflow/env my-service.js       # a service that uses cxflow's client
\`\`\`

The environment takes precedence over the files, and a later file over an earlier one. An empty variable counts as unset. A
setting counts as one, whichever of its names is used: with \`CXONE_CLIENT_SECRET_FILE\` in the environment,
\`CXONE_CLIENT_SECRET\` in a file is ignored. A line that is no setting, or whose value \`node --env-file\` would cut short
without a word (a # or a quote in it), is an error with file and line, and so is a wrong value; the value itself is not
shown. (Where the file does not exist, Node.js 20 says so itself and ends with exit code 9.) Whoever can read the file can
read the secrets in it: keep it outside of the clone and readable only by the user of the worker, or use \`NAME_FILE\`.`;

const TEMPORAL_NOTE = `Workers, commands, services and \`cxflow doctor\` read these through Temporal's SDK, which has further variables of its
own, such as \`TEMPORAL_PROFILE\`, \`TEMPORAL_CONFIG_FILE\`, \`TEMPORAL_API_KEY\` and \`TEMPORAL_TLS_…\`. A variable takes precedence
over the profile ([Temporal's documentation](https://docs.temporal.io/develop/environment-configuration)).`;

const FAMILIES_NOTE = `A family is a part of the API with its own host, token endpoint, credentials and scopes
([contract](cxone-contract.md#hosts-and-tokens)). The variables of one family override those above; \`<FAMILY>\` is its
name in capitals.`;

const SCOPES_NOTE = `The OAuth client of a family needs these scopes. They are requested with the token, except those of \`preferences\`, which
the client must have been granted.`;

const COMMAND_LINE = `These are not part of the configuration of a worker.

| variable | meaning |
|---|---|
| \`TEMPORAL_UI_URL\` | address of Temporal's Web UI, for links to runs. Default: the Web UI of the stack in this folder, or port 8233 of a server on this machine |
| \`CXFLOW_DEBUG\` | any value: errors are printed with their stack trace |
| \`XDG_CACHE_HOME\` | where downloaded servers for \`cxflow dev\` are kept. Default: \`~/.cache\` |`;

function settingsTable(settings: Settings): string {
  return table(
    ['variable', 'default', 'meaning', 'needed by'],
    Object.values(settings).map((setting) => [
      variableNames(setting),
      describeDefault(setting),
      setting.meaning + (setting.values === undefined ? '' : ` Value: ${setting.values}.`),
      setting.neededBy,
    ]),
  );
}

function variableNames(setting: Setting<unknown>): string {
  return variablesOf(setting).map(code).join('<br>');
}

function describeDefault({ shownDefault, fallback }: Setting<unknown>): string {
  if (shownDefault !== undefined) return shownDefault;
  if (fallback === null || fallback === '') return 'none';
  if (typeof fallback === 'number') return formatCount(fallback);
  return code(typeof fallback === 'string' ? fallback : JSON.stringify(fallback));
}

function familiesTable(): string {
  const site = { listsRegion: '{CXONE_LISTS_REGION}', instance: '{CXONE_INSTANCE}' };
  const [us, eu] = (['us', 'eu'] as const).map((region) =>
    productionHosts({ region, ...site } satisfies Site),
  );
  const rows = FAMILY_NAMES.map((family) => {
    return [
      `\`${family}\``,
      operationsOf(family).join(', '),
      code(us?.[family].api),
      us?.[family].api === eu?.[family].api ? 'the same' : code(eu?.[family].api),
      code(`${us?.[family].login ?? ''}${FAMILIES[family].tokenPath}`),
      code(familyVariables(family).url.alias),
    ];
  });
  return table(
    ['family', 'needed for', 'address in the US', 'in the EU', 'token endpoint', 'alias of its `_URL`'],
    rows,
  );
}

function scopesTable(): string {
  const login: Readonly<Record<(typeof FAMILIES)[Family]['tokenAuth'], string>> = {
    basic: 'HTTP Basic',
    form: 'form body',
  };
  const rows = FAMILY_NAMES.map((family) => {
    const { tokenAuth, scopes } = FAMILIES[family];
    return [`\`${family}\``, login[tokenAuth], scopes.map(code).join(' ')];
  });
  return table(['family', 'credentials are sent as', 'scopes'], rows);
}
