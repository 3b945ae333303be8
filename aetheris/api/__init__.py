"""What every REST door shares: who may pass, how errors look, what a body may be."""
