"""Recordings made worse before extraction: noise, reverberation, low bit rates, blur and low light, and features of the result."""
