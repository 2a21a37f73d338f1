// Replaces the worker and the simulator: listens on `--port N` if it is given, and prints its environment.
import { createServer } from 'node:http';

const port = process.argv[process.argv.indexOf('--port') + 1];
const answer = (_request, response) => response.end(JSON.stringify({ pid: process.pid, env: process.env }));
createServer(answer).listen(process.argv.includes('--port') ? Number(port) : 0, '127.0.0.1');
process.stdout.write(`${JSON.stringify(process.env)}\n`);
process.on('SIGTERM', () => process.exit(0));
