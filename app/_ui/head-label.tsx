import { useId, type ReactNode } from "react";

/** As much wider as the icon is; the button reaches into the room beside it. */
export const HEAD_HELP = "-my-1 -mr-2";

interface LabelledHead {
  /** For the head: it is called by its label alone, without the help beside it. */
  labelledBy: string | undefined;
  /** For the label. */
  labelId: string | undefined;
}

/** Names the head of a column by its label where a help stands beside it. */
export function useHeadLabel(help: ReactNode): LabelledHead {
  const id = useId();
  const known = help ? id : undefined;
  return { labelledBy: known, labelId: known };
}

type TermHeadProps = { help: ReactNode; className?: string; title?: string; children: ReactNode };

/** The head of a column with the help to its term. */
export function TermHead({ help, className, title, children }: TermHeadProps) {
  const { labelledBy, labelId } = useHeadLabel(help);
  return (
    <th scope="col" aria-labelledby={labelledBy} className={className} title={title}>
      <span className="inline-flex items-center">
        <span id={labelId}>{children}</span>
        {help}
      </span>
    </th>
  );
}
