import { ScriptedVllm } from "./scripted-vllm";

/** The scripted server as a program, started as `vllm` would be: `... serve MODEL --port N ...`. MODEL "broken" fails to load. */
const [command, model] = process.argv.slice(2);
const port = Number(process.argv[process.argv.indexOf("--port") + 1]);
if (command !== "serve" || process.env.VLLM_ALLOW_RUNTIME_LORA_UPDATING !== "True")
  throw new Error("started otherwise than documented");
if (model === "broken") {
  console.error("ValueError: no model folder");
  process.exit(1);
}
await new ScriptedVllm(() => [{ token_ids: [7, 2] }]).listen(port);
console.log(`serving ${model} as ${process.pid}`);
