/**
 * Preload of the server (`node --import`): no source maps of packages.
 *
 * tsx turns source maps on, so that stacks name lines of our TypeScript. Node.js then reads and keeps the map of every
 * module that it loads: of Next.js, Prisma and the built pages 14 MB of text, and no stack of ours is read by them. They
 * are CommonJS and our files never are, so maps are off while a CommonJS module is compiled.
 */
import Module from "node:module";

/** @typedef {{ _compile: (this: unknown, content: string, filename: string, ...more: unknown[]) => unknown }} Compiling */

const prototype = /** @type {Compiling} */ (/** @type {unknown} */ (Module.prototype));
const compile = prototype._compile;
let depth = 0;

prototype._compile = function (...compiled) {
  if (depth === 0) process.setSourceMapsEnabled(false);
  depth += 1;
  try {
    return compile.apply(this, compiled);
  } finally {
    depth -= 1;
    if (depth === 0) process.setSourceMapsEnabled(true);
  }
};
