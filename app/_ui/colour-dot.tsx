import { cn } from "./cn";

interface ColourDotProps {
  colour: string | undefined;
  className?: string;
}

/** A colour beside the name that it stands for: letters of it would not stand out enough from every background. */
export const ColourDot = ({ colour, className }: ColourDotProps) => (
  <span
    aria-hidden
    className={cn("inline-block size-2 shrink-0 rounded-full", className)}
    style={{ background: colour }}
  />
);
