import { markText, type Text } from "@/app/_i18n/format-text";
import type { StepOfKind } from "@/contracts/records/episode";

/** What the colours of tokens show; shown by `t`. */
export const OVERLAYS = [
  markText("log-probability"),
  markText("entropy"),
  markText("advantage"),
  markText("loss mask"),
] as const;
export type Overlay = (typeof OVERLAYS)[number];

/** A token with what was recorded of it; null: not recorded, or it was not chosen by the policy. */
export interface TokenFacts {
  id: number;
  /** It was chosen by the policy and carries loss. */
  isPolicy: boolean;
  /** Natural logarithm. */
  logprob: number | null;
  /** In nats. */
  entropy: number | null;
  advantage: number | null;
}

/**
 * The tokens of a step. Without a mask it is not known which were chosen, and all count as chosen.
 *
 * @param advantage of the tokens of a step that holds none of their own
 */
export function listTokens(
  { ids = [], mask, logprobs, entropies, advantages }: StepOfKind<"generate">,
  advantage: number | null,
): TokenFacts[] {
  return ids.map((id, i) => {
    const isPolicy = mask?.[i] !== 0;
    return {
      id,
      isPolicy,
      logprob: isPolicy ? (logprobs?.[i] ?? null) : null,
      entropy: isPolicy ? (entropies?.[i] ?? null) : null,
      advantage: isPolicy ? (advantages ? (advantages[i] ?? null) : advantage) : null,
    };
  });
}

/** How a token is coloured: a colour of the theme and how strong, 0..1; null: not at all. */
interface Shade {
  colour: "primary" | "good" | "bad";
  strength: number;
}

/** Entropy from which on a token is coloured fully, in nats. */
const FULL_ENTROPY = 3;

export function shadeToken(token: TokenFacts, overlay: Overlay): Shade | null {
  if (!token.isPolicy) return null;
  const { logprob, entropy, advantage } = token;
  switch (overlay) {
    case "log-probability":
      return logprob === null ? null : { colour: "primary", strength: 1 - Math.exp(logprob) };
    case "entropy":
      return entropy === null
        ? null
        : { colour: "primary", strength: Math.min(1, entropy / FULL_ENTROPY) };
    case "advantage":
      return advantage === null || advantage === 0
        ? null
        : { colour: advantage > 0 ? "good" : "bad", strength: Math.min(1, Math.abs(advantage)) };
    case "loss mask":
      return { colour: "primary", strength: 0.5 };
  }
}

/** A token's facts in words, for its line and for readers that see no colour. */
export function describeToken(t: Text, token: TokenFacts, text: string | undefined): string {
  const { id } = token;
  const name =
    text === undefined
      ? t("Token {id}", { id })
      : t("{text}, id {id}", { text: JSON.stringify(text), id });
  if (!token.isPolicy) return t("{token}: given or forced, no loss", { token: name });
  const { logprob, entropy, advantage } = token;
  return `${name}: ${[
    logprob === null
      ? t("log-probability not recorded")
      : t("log-probability {logprob} (probability {probability})", {
          logprob: logprob.toFixed(3),
          probability: Math.exp(logprob).toFixed(3),
        }),
    entropy === null
      ? t("entropy not recorded")
      : t("entropy {entropy} nats", { entropy: entropy.toFixed(3) }),
    advantage === null
      ? t("no advantage")
      : t("advantage {advantage}", { advantage: advantage.toFixed(3) }),
  ].join(", ")}`;
}
