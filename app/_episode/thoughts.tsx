import { formatInteger } from "@/app/_lib/format";

/** What a model thought before it answered: kept to be looked at, and scored by nothing. */
export function Thoughts({ text }: { text: string }) {
  return (
    <details className="mt-2">
      <summary className="cursor-pointer text-xs text-muted-foreground">
        Thoughts, {formatInteger(text.length)} characters, not scored
      </summary>
      <pre className="mt-1 overflow-x-auto font-mono text-xs leading-5 break-words whitespace-pre-wrap text-muted-foreground">
        {text}
      </pre>
    </details>
  );
}
