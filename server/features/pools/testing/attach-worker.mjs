/**
 * A process that speaks the worker protocol and computes nothing: it attaches with the token of its environment, brings
 * every run that it is given to its end, and stops at SIGTERM. Plain JavaScript, as each test starts several.
 *
 * usage: node attach-worker.mjs --protocol VERSION --server URL --name NAME [--engine-slots N] [--light-slots N]
 */
import { randomUUID } from "node:crypto";
import { parseArgs } from "node:util";
import WebSocket from "ws";

const text = /** @type {const} */ ({ type: "string", default: "" });
// Of its slots it is told, as every template of a pool does; it has its own.
const told = { "engine-slots": text, "light-slots": text };
const { values } = parseArgs({ options: { protocol: text, server: text, name: text, ...told } });
const token = process.env.S3_WORKER_TOKEN ?? "";
process.stdout.write(`token: ${token === "" ? "none" : "given"}\n`);
process.once("SIGTERM", () => process.exit(0));

const socket = new WebSocket(`${values.server.replace("http", "ws")}/worker`, {
  headers: { authorization: `Bearer ${token}` },
});
socket.on("error", (error) => {
  process.stderr.write(`${error.message}\n`);
  process.exit(1);
});
socket.on("close", () => process.exit(1));

/** @type {Map<number, { resolve: (result: any) => void, reject: (error: Error) => void }>} */
const pending = new Map();
socket.on("message", (/** @type {Buffer} */ data) => {
  const frame = JSON.parse(data.toString());
  if (frame.type !== "response") return;
  const entry = pending.get(frame.id);
  pending.delete(frame.id);
  if (frame.error) entry?.reject(new Error(frame.error.message));
  else entry?.resolve(frame.result);
});
let id = 0;
/** @param {string} method @param {object} params @returns {Promise<any>} */
const request = (method, params) =>
  new Promise((resolve, reject) => {
    id += 1;
    pending.set(id, { resolve, reject });
    socket.send(JSON.stringify({ id, method, params }));
  });

await new Promise((resolve) => socket.once("open", resolve));
const slots = { engine: 1, light: 4 };
await request("attach", {
  protocolVersion: Number(values.protocol),
  workerId: randomUUID(),
  name: values.name,
  hardware: {
    hostname: "test",
    platform: "linux",
    cpuModel: "test",
    cores: 2,
    memoryMb: 4096,
    gpus: [],
  },
  slots,
  attempts: [],
  capabilities: {
    models: ["smollm2-135m-instruct"],
    corpora: ["atlas"],
    device: "cpu",
    dtype: "float32",
    vllm: null,
  },
});

async function work() {
  await request("heartbeat", {
    attempts: [],
    usage: { cpu: 0.5, memoryMb: 100, gpus: [] },
    services: [],
    freeSlots: slots,
  });
  const { run } = await request("lease", { freeSlots: slots });
  if (!run) return;
  const { runId, attempt } = run;
  for (const to of ["preparing", "running", "succeeded"])
    await request("transition", { runId, attempt, to, reason: null });
}
setInterval(() => void work().catch(() => process.exit(1)), 100);
