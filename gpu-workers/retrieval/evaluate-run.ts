import { AppError } from "@/contracts/errors";
import type { RunContext } from "../run-context";

/** An evaluate run: ranks the documents of a question set with gold documents. */
export async function evaluateRun({ config }: RunContext): Promise<void> {
  throw new AppError("unsupported", `A ${config.kind} run cannot be executed here yet.`);
}
