"""A trained model as a folder that the Hugging Face hub takes, with the program that goes along."""
