import hypothesis

# A busy machine makes any example slow, which says nothing of the code.
# A check that somebody's change has to pass gives the same answer twice; --hypothesis-profile=others looks elsewhere.
hypothesis.settings.register_profile("unit", deadline=None, derandomize=True)
hypothesis.settings.register_profile("others", deadline=None)
hypothesis.settings.load_profile("unit")
