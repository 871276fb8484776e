import { setTimeout as sleep } from "node:timers/promises";
import { ScriptedEndpoint } from "@/gpu-workers/testing/scripted-endpoint";

/** A model server as a process of its own: every reply takes LATENCY milliseconds. Says its address on its first line. */
const latencyMs = Number(process.argv[2]);
const endpoint = await ScriptedEndpoint.start(async () => {
  await sleep(latencyMs);
  return "an answer";
});
console.log(endpoint.url);
process.on("SIGUSR2", () => {
  console.log(
    JSON.stringify({ requests: endpoint.requests.length, mostAtOnce: endpoint.mostAtOnce }),
  );
  endpoint.requests.length = 0;
});
