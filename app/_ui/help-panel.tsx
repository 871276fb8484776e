"use client";
import { Link } from "@/app/_ui/link";
import { Popover as Primitive } from "radix-ui";
import { useRef, type ReactNode, type RefObject } from "react";
import { useText } from "@/app/_i18n/text-provider";
import { GLOSSARY } from "@/core/glossary/glossary";
import type { GlossaryTerm } from "@/core/glossary/term-titles";

interface HelpPanelProps {
  open: boolean;
  onOpenChange: (open: boolean) => void;
  /** The button that opens it. */
  trigger: RefObject<HTMLButtonElement | null>;
  id: string;
  name: string;
  children: ReactNode;
}

/** The open explanation, beside its button, to which it gives the focus back unless something else took it. */
export function HelpPanel({ open, onOpenChange, trigger, id, name, children }: HelpPanelProps) {
  const wasLeft = useRef(false);
  return (
    <Primitive.Root open={open} onOpenChange={onOpenChange}>
      <Primitive.Anchor virtualRef={trigger} />
      <Primitive.Portal>
        <Primitive.Content
          id={id}
          sideOffset={4}
          collisionPadding={8}
          className="z-50 max-w-80 rounded-md border bg-card p-3 text-left text-xs font-normal shadow-md"
          aria-label={name}
          onInteractOutside={(event) => {
            // The button itself closes it.
            if (event.target instanceof Node && trigger.current?.contains(event.target))
              event.preventDefault();
            else wasLeft.current = true;
          }}
          onCloseAutoFocus={(event) => {
            if (!wasLeft.current) trigger.current?.focus();
            wasLeft.current = false;
            event.preventDefault();
          }}
        >
          {children}
        </Primitive.Content>
      </Primitive.Portal>
    </Primitive.Root>
  );
}

/** What a term of the glossary means, with its formula and source. */
export function TermExplanation({ term }: { term: GlossaryTerm }) {
  const t = useText();
  const { text, formula, source } = GLOSSARY[term];
  return (
    <>
      <p className="mt-1">{t(text)}</p>
      {formula ? <code className="mt-1 block font-mono">{formula}</code> : null}
      {source ? <p className="mt-1 text-muted-foreground">{source}</p> : null}
      <Link href={`/glossary#${term}`} className="mt-1 inline-block text-primary hover:underline">
        {t("In the glossary")}
      </Link>
    </>
  );
}
