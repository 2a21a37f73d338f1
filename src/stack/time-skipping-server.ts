/**
 * Temporal's test server, which skips time; only tests use it. It is downloaded by the SDK or, if that fails, fetched from
 * Maven Central and started with Java by a small script.
 */
import { chmod, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Env } from '../config/reader.ts';
import { cacheFolder, createOnce, downloadedFile } from './cache.ts';
import { findOnPath, isRunnable, runCommand } from './commands.ts';
import { downloadBySdk } from './sdk-download.ts';
import type { FindOptions } from './temporal-binary.ts';

const TEST_SERVER_VERSION = '1.38.0';
const MAVEN_TIMEOUT_MS = 15 * 60_000;

/** The path of an executable that takes a port. With `fetch: false`, null if this machine has none. */
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

async function fetchWithMaven(folder: string, env: Env, log: (line: string) => void): Promise<void> {
  const maven = findOnPath('mvn', env);
  if (!maven || !findOnPath('java', env)) throw new Error(MISSING_SERVER);
  const step = "fetching Temporal's time-skipping test server with Maven (once)";
  log(`${step} …`);
  await createOnce(folder, async (draft) => {
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
      onProgress: (seconds) => log(`${step} … ${seconds} s`),
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

/** The SDK starts it with the port as its only argument. With `exec`, so that the SDK's kill reaches Java, not a shell. */
const SCRIPT = `#!/bin/sh
HERE=$(CDPATH= cd -- "$(dirname -- "$0")" && pwd)
exec "\${JAVA:-java}" -XX:+UseSerialGC -XX:TieredStopAtLevel=1 -Xshare:auto -Xmx256m \\
  -cp "$HERE/lib/*" io.temporal.testserver.TestServer "$@"
`;

const MISSING_SERVER = [
  "Temporal's time-skipping test server was not found and could not be downloaded. Either of these helps:",
  '  - give this machine access to temporal.download, from which the SDK downloads the server;',
  '  - install Java 17 and Maven, with which cxflow fetches it from Maven Central once.',
].join('\n');
