/** The `verifyClient` of the server's options, as a middleware that stands where you want it in the chain. */
export { type ClientInfo, type VerifyCallback, type VerifyClient, verifyClient } from '../lib/index.js'
