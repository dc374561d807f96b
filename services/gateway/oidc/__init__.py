"""Sign-in by OpenID Connect: authorization code flow with PKCE, state and nonce.

id_token.py  verifies an ID token
provider.py  asks the provider: discovery, keys, and the exchange of a code
"""
