import type { Command } from "commander";
import { addLocalCommand } from "@/cli/lib/local-program";

/** `model fetch`. */
export function addModelCommands(program: Command): void {
  const model = program.command("model").description("base models on this machine");
  addLocalCommand(
    model,
    "fetch",
    "download a model from the Hugging Face hub or a mirror, e.g. Qwen/Qwen2.5-3B-Instruct, and install it; says size and licence, and asks before",
  );
}
