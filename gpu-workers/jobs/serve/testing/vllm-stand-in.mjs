#!/usr/bin/env node
/**
 * Stands in for vLLM's program in tests, which are to be cheap: `--version`, and `serve`, which
 * answers /health after a moment and echoes requests. VLLM_STAND_IN names a folder for what it was given; the prompt
 * "die" ends it, as a crash would.
 */
import { appendFileSync, existsSync, readFileSync } from "node:fs";
import { createServer } from "node:http";
import { join } from "node:path";

const folder = process.env.VLLM_STAND_IN ?? "";
if (process.argv[2] === "--version") {
  console.log(process.env.VLLM_STAND_IN_VERSION ?? "0.9.1");
  process.exit(0);
}
const readArgument = (/** @type {string} */ name) => process.argv[process.argv.indexOf(name) + 1];
appendFileSync(
  join(folder, "starts.jsonl"),
  `${JSON.stringify({ args: process.argv.slice(2), pid: process.pid, keyed: Boolean(process.env.VLLM_API_KEY) })}\n`,
);
console.error(`INFO loading with key ${process.env.VLLM_API_KEY}`);
// A file "limit" holds how many servers find room on the GPU.
const limit = existsSync(join(folder, "limit"))
  ? Number(readFileSync(join(folder, "limit"), "utf8"))
  : Infinity;
const starts = readFileSync(join(folder, "starts.jsonl"), "utf8").trim().split("\n").length;
if (existsSync(join(folder, "refuse")) || starts > limit) {
  console.error("torch.OutOfMemoryError: CUDA out of memory.");
  process.exit(1);
}
const readyAt = Date.now() + 300;
const server = createServer((request, response) => {
  if (request.url === "/health")
    return void response.writeHead(Date.now() >= readyAt ? 200 : 503).end();
  if (request.headers.authorization !== `Bearer ${process.env.VLLM_API_KEY}`)
    return void response.writeHead(401).end();
  let text = "";
  request.on("data", (chunk) => (text += chunk));
  request.on("end", () => {
    const body = JSON.parse(text);
    if (body.prompt === "die") {
      console.error("RuntimeError: the device is lost");
      process.exit(9);
    }
    const usage = { prompt_tokens: 7, completion_tokens: 3 };
    if (body.stream) {
      response.writeHead(200, { "content-type": "text/event-stream" });
      for (const word of ["a", "b"])
        response.write(
          `data: ${JSON.stringify({ model: body.model, choices: [{ text: word }] })}\n\n`,
        );
      return void response.end(
        `data: ${JSON.stringify({ model: body.model, choices: [], usage })}\n\ndata: [DONE]\n\n`,
      );
    }
    response.writeHead(200, { "content-type": "application/json" }).end(
      JSON.stringify({
        model: body.model,
        choices: [{ text: `echo ${body.prompt}`, finish_reason: "stop" }],
        usage,
      }),
    );
  });
});
server.listen(Number(readArgument("--port")), readArgument("--host"));
process.on("SIGTERM", () => {
  appendFileSync(join(folder, "stops.jsonl"), "stopped\n");
  process.exit(0);
});
