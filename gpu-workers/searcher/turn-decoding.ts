import type { SampleSequence } from "@/contracts/engine/dialect";
import type { SearchConfig } from "@/contracts/run-config/search";
import { countSearchesAllowed, listStopStrings } from "./protocol";
import { renderTurnGrammar } from "./turn-grammar";
import { UPSTREAM_HIGHEST_ID } from "@/core/upstream/selection-ids";

/**
 * How the searcher's text is decoded in one turn: a grammar under guided decoding, stop strings under free decoding.
 *
 * @param window number of documents in the turn's window
 * @param isSelected the selection is written already, only what follows it is decoded
 */
export function selectDecoding(
  settings: SearchConfig,
  window: number,
  turn: number,
  isSelected = false,
): Pick<SampleSequence, "guide" | "stop" | "maxTokens"> {
  const maxTokens = computeMaxTurnTokens(settings);
  if (settings.decoding === "guided")
    return { guide: { lark: buildTurnGrammar(settings, window, turn, isSelected) }, maxTokens };
  return { stop: listStopStrings(settings.protocol, isLastTurn(settings, turn)), maxTokens };
}

/** Grammar of a turn over a window of this many documents. */
export const buildTurnGrammar = (
  settings: SearchConfig,
  window: number,
  turn: number,
  isSelected = false,
): string =>
  renderTurnGrammar({
    // No id is offered that would be read as nothing.
    window: settings.protocol === "upstream" ? Math.min(window, UPSTREAM_HIGHEST_ID) : window,
    isSelected,
    select: settings.select,
    queryTokens: settings.queryTokens,
    last: isLastTurn(settings, turn),
  });

/** Whether no search is left after this turn, so that the searcher can only select. */
export const isLastTurn = (
  settings: Pick<SearchConfig, "protocol" | "turns">,
  turn: number,
): boolean => turn === countSearchesAllowed(settings);

/**
 * Upper bound on the tokens that the searcher writes in one turn. Under guided decoding the form takes about 60 tokens
 * and each id a few; the grammar ends the turn, so the bound is only a safeguard.
 */
export const computeMaxTurnTokens = ({
  decoding,
  select,
  queryTokens,
  turnTokens,
}: SearchConfig): number => (decoding === "free" ? turnTokens : 128 + 8 * select + queryTokens);

/** Upper bound on the tokens that the searcher writes in one episode. */
export const computeMaxEpisodeTokens = (settings: SearchConfig): number =>
  (countSearchesAllowed(settings) + 1) * computeMaxTurnTokens(settings);
