import { ScriptedVllm } from "./scripted-vllm";

/**
 * The scripted server as a program, started as `vllm` would be: `... serve MODEL --port N ...`. MODEL "broken" fails to
 * load, and "noisy" too, with many lines behind the cause.
 */
const [command, model] = process.argv.slice(2);
const port = Number(process.argv[process.argv.indexOf("--port") + 1]);
if (command !== "serve" || process.env.VLLM_ALLOW_RUNTIME_LORA_UPDATING !== "True")
  throw new Error("started otherwise than documented");
if (model === "broken" || model === "noisy") {
  console.error("(EngineCore pid=7) ERROR [core.py:1] ValueError: no model folder");
  for (let i = 0; i < (model === "noisy" ? 60 : 0); i++) console.error(`line ${i}`);
  if (model === "noisy") console.error("RuntimeError: see root cause above");
  process.exit(1);
}
await new ScriptedVllm(() => [{ token_ids: [7, 2] }]).listen(port);
console.log(`serving ${model} as ${process.pid}`);
