import { selfSigned } from '../../examples/tls/certificate.js'

/** A key and a certificate for localhost, 127.0.0.1 and ::1: for a server, and as the `ca` of a client that trusts it. */
export const CERTIFICATE: { readonly key: string; readonly cert: string } = selfSigned()
