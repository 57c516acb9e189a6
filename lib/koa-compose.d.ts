// @types/koa-compose brings seventeen packages for this one function.
declare module 'koa-compose' {
  function compose<Context>(
    middleware: ReadonlyArray<(context: Context, next: () => Promise<unknown>) => unknown>,
  ): (context: Context, next: () => Promise<unknown>) => Promise<unknown>
  export default compose
}
