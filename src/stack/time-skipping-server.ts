/**
 * Temporal's test server, which skips time; for tests only. The SDK's download, else the same server from Maven with
 * Java behind a small script (temporal.md §2).
 */
import { chmod, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { cacheFolder, downloadedFile, makeOnce } from './cache.ts';
import { findOnPath, isRunnable, runCommand } from './commands.ts';
import { downloadBySdk } from './sdk-download.ts';
import type { FindOptions } from './temporal-binary.ts';

const TEST_SERVER_VERSION = '1.38.0';
const MAVEN_TIMEOUT_MS = 15 * 60_000;

/** The path of an executable that takes a port. Without `fetch`, null where none is on this machine yet. */
export async function findTimeSkippingServer(
  options: FindOptions & { readonly fetch: false },
): Promise<string | null>;
export async function findTimeSkippingServer(options?: FindOptions): Promise<string>;
export async function findTimeSkippingServer(
  options: FindOptions & { readonly fetch?: false } = {},
): Promise<string | null> {
  const { env = process.env, log = () => undefined } = options;
  const sdkFolder = join(cacheFolder(env), 'test-server', 'sdk');
  const mavenFolder = join(cacheFolder(env), 'test-server', TEST_SERVER_VERSION);
  const script = join(mavenFolder, 'temporal-test-server.sh');
  const downloaded = await downloadedFile(sdkFolder);
  if (downloaded) return downloaded;
  if (isRunnable(script)) return script;
  if (options.fetch === false) return null;
  const fetched = await downloadBySdk('test-server', sdkFolder);
  if (fetched) return fetched;
  await fetchWithMaven(mavenFolder, env, log);
  return script;
}

type Env = Readonly<Record<string, string | undefined>>;

async function fetchWithMaven(folder: string, env: Env, log: (line: string) => void): Promise<void> {
  const maven = findOnPath('mvn', env);
  if (!maven || !findOnPath('java', env)) throw new Error(HOW_TO_GET_ONE);
  const words = "fetching Temporal's time-skipping test server with Maven, once";
  log(`${words} …`);
  await makeOnce(folder, async (draft) => {
    await mkdir(join(draft, 'lib'));
    await writeFile(join(draft, 'pom.xml'), POM);
    await writeFile(join(draft, 'temporal-test-server.sh'), SCRIPT);
    await chmod(join(draft, 'temporal-test-server.sh'), 0o755);
    const goal = ['dependency:copy-dependencies', `-DoutputDirectory=${draft}/lib`, '-DincludeScope=runtime'];
    await runCommand({
      file: maven,
      args: ['-q', '-B', '-f', join(draft, 'pom.xml'), ...goal],
      env,
      timeoutMs: MAVEN_TIMEOUT_MS,
      onProgress: (seconds) => log(`${words} … ${seconds} s`),
    });
  });
}

const POM = `<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>cxflow</groupId><artifactId>time-skipping-server</artifactId><version>1</version>
  <dependencies>
    <dependency>
      <groupId>io.temporal</groupId><artifactId>temporal-test-server</artifactId><version>${TEST_SERVER_VERSION}</version>
    </dependency>
    <dependency><groupId>org.slf4j</groupId><artifactId>slf4j-nop</artifactId><version>1.7.36</version></dependency>
  </dependencies>
</project>
`;

/** The SDK calls it with the port alone. \`exec\`, so that the SDK's kill reaches Java and not a shell. */
const SCRIPT = `#!/bin/sh
HERE=$(CDPATH= cd -- "$(dirname -- "$0")" && pwd)
exec "\${JAVA:-java}" -XX:+UseSerialGC -XX:TieredStopAtLevel=1 -Xshare:auto -Xmx256m \\
  -cp "$HERE/lib/*" io.temporal.testserver.TestServer "$@"
`;

const HOW_TO_GET_ONE = [
  "There is no time-skipping test server of Temporal's on this machine. Either of these helps:",
  '  - let this machine reach temporal.download, from where the SDK fetches one;',
  '  - install Java 17 and Maven, with which it comes from Maven Central once.',
].join('\n');
