import { AppError } from "@/contracts/errors";
import type { Ablation } from "@/contracts/run-config/scoring";
import type { DocumentRef, Episode } from "@/contracts/records/episode";
import { computeCacheKey } from "@/gpu-workers/runtime/keys";

/**
 * A stored episode with the documents of an ablation as its context, each once, under a key of its own. It searched as it
 * did: only what the generator reads is another.
 *
 * - `no-select`: every document of every window, in the order in which they were shown
 * - `no-init`: what was selected from the windows after the first, in the order of the episode's own context
 * - `no-both`: every document of the windows after the first
 *
 * @throws AppError "unsupported" where the episode shows no window: what was shown is then unknown, not nothing
 */
export function ablateContext<E extends Pick<Episode, "key" | "questionId" | "steps" | "context">>(
  episode: E,
  ablation: Ablation,
): E {
  const { key, questionId, steps, context } = episode;
  const windows = steps.flatMap((step) => (step.kind === "retrieve" ? [step] : []));
  if (windows.length === 0)
    throw new AppError(
      "unsupported",
      `reuse.context: the stored episode of question ${questionId} shows no window, as of imported files without searches, so its documents are not known; name a run that stored them.`,
    );
  const later = windows.slice(1);
  const listShown = (shown: typeof windows): DocumentRef[] => [
    ...new Map(shown.flatMap(({ documents }) => documents.map((d) => [d.id, d] as const))).values(),
  ];
  const listLaterSelected = (): DocumentRef[] => {
    const turns = new Set(later.map(({ turn }) => turn));
    const selected = new Set(
      steps.flatMap((step) =>
        step.kind === "select" && turns.has(step.turn) ? step.selected : [],
      ),
    );
    // A document that no window showed was written by the searcher (`upstream`), so it is in its later text.
    const shown = new Set(listShown(windows).map(({ id }) => id));
    return context.filter(({ id }) => selected.has(id) || !shown.has(id));
  };
  const chosen = {
    "no-select": () => listShown(windows),
    "no-init": listLaterSelected,
    "no-both": () => listShown(later),
  }[ablation]();
  return {
    ...episode,
    key: computeCacheKey({ record: "ablated-episode", episode: key, ablation }),
    context: chosen,
  };
}
