"use client";
import { useQuery } from "@tanstack/react-query";
import { useId, useMemo, useState, type KeyboardEvent } from "react";
import { z } from "zod";
import { markText } from "@/app/_i18n/format-text";
import { useText } from "@/app/_i18n/text-provider";
import { cn } from "@/app/_ui/cn";
import { HEAD_HELP } from "@/app/_ui/head-label";
import { Help } from "@/app/_ui/help";
import { formatInteger, formatNumber } from "@/app/_lib/format/format";
import type { StepOfKind } from "@/contracts/records/episode";
import { describeToken, listTokens, shadeToken, type Overlay, type TokenFacts } from "./tokens";

interface TokenViewProps {
  step: StepOfKind<"generate">;
  model: string | null;
  /** Mean of the episode's action tokens. */
  advantage: number | null;
  overlay: Overlay;
}

/** What was read and written as tokens. One stop of the keyboard: arrows walk through them, as a tap or a click chooses one. */
export function TokenView({ step, model, advantage, overlay }: TokenViewProps) {
  const t = useText();
  const tokens = useMemo(() => listTokens(step, advantage), [step, advantage]);
  const texts = useTokenTexts(model, step.ids ?? []);
  const [active, setActive] = useState<number | null>(null);
  const shown = active === null ? null : tokens[active]!;
  return (
    <>
      <TokenSummary step={step} tokens={tokens} overlay={overlay} />
      {texts.isError ? (
        <p className="text-2xs text-warn">
          {t("Only ids: {message}", { message: t.message(texts.error.message) })}
        </p>
      ) : null}
      <p
        className="mt-1 min-h-4 font-mono text-2xs break-words text-muted-foreground"
        aria-live="polite"
        data-testid="token-facts"
      >
        {shown
          ? t("{position} of {total}: {facts}", {
              position: active! + 1,
              total: tokens.length,
              facts: describeToken(t, shown, texts.data?.[active!]),
            })
          : t("Choose a token: tap, click, or focus the text and use the arrow keys.")}
      </p>
      {texts.data || texts.isError ? (
        <TokenList
          tokens={tokens}
          texts={texts.data ?? null}
          overlay={overlay}
          active={active}
          onActivate={setActive}
        />
      ) : (
        // The same text in the same place, so that nothing moves when its tokens are known.
        <div className={tokenText}>{(step.prompt ?? "") + step.text}</div>
      )}
    </>
  );
}

const tokenText =
  "mt-1 overflow-x-auto font-mono text-xs leading-5 break-words whitespace-pre-wrap";

interface TokenListProps {
  tokens: readonly TokenFacts[];
  texts: readonly string[] | null;
  overlay: Overlay;
  active: number | null;
  onActivate: (index: number) => void;
}

function TokenList({ tokens, texts, overlay, active, onActivate }: TokenListProps) {
  const t = useText();
  const id = useId();
  const onKeyDown = (event: KeyboardEvent): void => {
    const move = MOVES[event.key];
    if (move === undefined || event.metaKey || event.ctrlKey || event.altKey) return;
    event.preventDefault();
    event.stopPropagation();
    const next = move(active ?? -1, tokens.length);
    onActivate(next);
    document.getElementById(`${id}-${next}`)?.scrollIntoView({ block: "nearest" });
  };
  return (
    <div
      role="listbox"
      aria-label={t("Tokens")}
      aria-activedescendant={active === null ? undefined : `${id}-${active}`}
      tabIndex={0}
      className={cn(tokenText, "rounded focus-visible:outline-2 focus-visible:outline-primary")}
      data-testid="tokens"
      onKeyDown={onKeyDown}
    >
      {tokens.map((token, i) => (
        // eslint-disable-next-line jsx-a11y/click-events-have-key-events, jsx-a11y/interactive-supports-focus -- keys are handled by the list, which has the focus
        <span
          key={i}
          id={`${id}-${i}`}
          role="option"
          aria-selected={i === active}
          aria-label={describeToken(t, token, texts?.[i])}
          className={cn(
            "cursor-pointer rounded-xs",
            !token.isPolicy &&
              "text-muted-foreground underline decoration-border decoration-dashed underline-offset-4",
            i === active && "outline-2 outline-primary",
            texts === null && "mr-1",
          )}
          style={formatShade(token, overlay)}
          onClick={() => onActivate(i)}
        >
          {texts?.[i] ?? token.id}
        </span>
      ))}
    </div>
  );
}

const MOVES: Readonly<Record<string, (at: number, count: number) => number>> = {
  ArrowRight: (at, count) => Math.min(count - 1, at + 1),
  ArrowLeft: (at) => Math.max(0, at - 1),
  ArrowDown: (at, count) => Math.min(count - 1, at + 10),
  ArrowUp: (at) => Math.max(0, at - 10),
  Home: () => 0,
  End: (_at, count) => count - 1,
};

function formatShade(token: TokenFacts, overlay: Overlay): { background: string } | undefined {
  const shade = shadeToken(token, overlay);
  if (shade === null) return undefined;
  const percent = Math.round(6 + 40 * shade.strength);
  return { background: `color-mix(in oklab, var(--${shade.colour}) ${percent}%, transparent)` };
}

const LEGENDS: Record<Overlay, string> = {
  "log-probability": markText("darker: the less likely the token was"),
  entropy: markText("darker: the less certain the policy was (full colour at 3 nats)"),
  advantage: markText(
    "green: made likelier, red: made less likely; every action token has the episode's mean",
  ),
  "loss mask": markText("coloured: carries loss"),
};

/** Where each token's own advantage is recorded. */
const TOKEN_ADVANTAGES = markText(
  "green: made likelier, red: made less likely; every action token has its own advantage, as it entered the loss, after whitening or normalisation (full colour at 1)",
);

interface TokenSummaryProps {
  step: StepOfKind<"generate">;
  tokens: readonly TokenFacts[];
  overlay: Overlay;
}

function TokenSummary({ step, tokens, overlay }: TokenSummaryProps) {
  const t = useText();
  const chosen = tokens.filter((token) => token.isPolicy);
  const logprob = computeKnownMean(chosen.map((token) => token.logprob));
  const entropy = computeKnownMean(chosen.map((token) => token.entropy));
  const legend = overlay === "advantage" && step.advantages ? TOKEN_ADVANTAGES : LEGENDS[overlay];
  const missing =
    (overlay === "entropy" && entropy === null) ||
    (overlay === "log-probability" && logprob === null) ||
    (overlay === "advantage" && chosen.every((token) => token.advantage === null));
  return (
    <p className="mt-2 flex flex-wrap gap-x-4 gap-y-1 text-2xs text-muted-foreground">
      <span>
        {step.mask
          ? t("{count} tokens, {chosen} chosen by the policy", {
              count: formatInteger(tokens.length),
              chosen: formatInteger(chosen.length),
            })
          : t("{count} tokens", { count: formatInteger(tokens.length) })}
      </span>
      {logprob === null ? null : (
        <span>{t("mean log-probability {logprob}", { logprob: formatNumber(logprob) })}</span>
      )}
      {entropy === null ? null : (
        <span>{t("mean entropy {entropy} nats", { entropy: formatNumber(entropy) })}</span>
      )}
      <span className={cn(missing && "text-warn")}>
        {missing ? t("{overlay}: not recorded", { overlay: t(overlay) }) : t(legend)}
        {overlay === "loss mask" ? (
          <Help term="retrieved-token-mask" className={HEAD_HELP} />
        ) : null}
      </span>
      <span>{t("dashed: given or forced, no loss")}</span>
    </p>
  );
}

/** Of those that are recorded; null where none is. */
function computeKnownMean(values: readonly (number | null)[]): number | null {
  const known = values.filter((value) => value !== null);
  return known.length === 0 ? null : known.reduce((sum, value) => sum + value, 0) / known.length;
}

const decodedSchema = z.object({ texts: z.array(z.string()) });

/** Text of each token; ids are sent to the server, because the vocabulary is larger than the page. */
function useTokenTexts(model: string | null, ids: readonly number[]) {
  return useQuery({
    queryKey: ["token-texts", model, ids],
    enabled: model !== null && ids.length > 0,
    staleTime: Infinity,
    retry: false,
    queryFn: async () => {
      const response = await fetch("/tokens", {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify({ model, ids }),
      });
      if (!response.ok) throw new Error(await response.text());
      return decodedSchema.parse(await response.json()).texts;
    },
  });
}
