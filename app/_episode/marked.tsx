import { cn } from "@/app/_ui/cn";
import type { TextPart } from "./highlight";

/** A text with the words of a query and the answers marked. */
export function Marked({ parts }: { parts: readonly TextPart[] }) {
  return parts.map(({ text, mark }, i) =>
    mark === null ? (
      text
    ) : (
      <mark
        key={i}
        data-mark={mark}
        className={cn(
          "rounded-xs text-foreground",
          mark === "answer" ? "bg-good-soft font-medium underline decoration-good" : "bg-warn-soft",
        )}
      >
        {text}
      </mark>
    ),
  );
}
